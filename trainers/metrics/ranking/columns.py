"""Many small arrays as one long one, for files and other processes: what pickle adds to each would be most of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

_NARROWER = {np.dtype(np.float64): (np.float32,), np.dtype(np.int64): (np.int8, np.int16, np.int32)}


@dataclass(frozen=True, eq=False)
class Column:
    """Arrays that differ in their lengths alone, one behind the other, in the narrowest numbers that hold them."""

    values: np.ndarray
    lengths: np.ndarray
    dtype: np.dtype

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray], like: np.ndarray) -> Self:
        """Put arrays of the dtype and the further axes of an empty one, `like`, into one."""
        whole = np.concatenate([like, *arrays]) if arrays else like
        return cls(narrowed(whole), narrowed(np.array([len(array) for array in arrays], np.int64)), like.dtype)

    def arrays(self) -> Iterable[np.ndarray]:
        """Give the arrays again, to the bit."""
        return np.split(self.values.astype(self.dtype), np.cumsum(self.lengths.astype(np.int64))[:-1])[: self.count]

    @property
    def count(self) -> int:
        """How many arrays there are."""
        return len(self.lengths)


def narrowed(values: np.ndarray) -> np.ndarray:
    """Give values in the narrowest dtype that holds each of them exactly."""
    for dtype in _NARROWER.get(values.dtype, ()):
        with np.errstate(over="ignore"):
            narrow = values.astype(dtype)
        if np.array_equal(narrow.astype(values.dtype), values):
            return narrow
    return values
