"""Rows of different lengths in two arrays: a million lists of numbers would take a hundred times as much."""

from collections.abc import Iterable, Sequence

import numpy as np


class Ragged:
    """Rows of numbers, `values[ends[i - 1]:ends[i]]` being row i.

    Args:
        values: [m] or [m, k], the rows one behind the other.
        ends: int64 [n], where each row ends.
    """

    def __init__(self, values: np.ndarray, ends: np.ndarray):
        self.values, self.ends = values, np.asarray(ends, np.int64)

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]], dtype: type = np.int64) -> "Ragged":
        """Take rows of numbers, of which not all need be there at once."""
        values: list[int] = []
        parts: list[np.ndarray] = []
        lengths: list[int] = []
        for row in rows:
            values.extend(row)
            lengths.append(len(row))
            if len(values) > 65536:
                parts.append(np.array(values, dtype))
                values = []
        return cls(np.concatenate([*parts, np.array(values, dtype)]), np.cumsum(lengths, dtype=np.int64))

    @classmethod
    def joined(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """Put the rows of several, at least one, one behind the other."""
        starts = np.cumsum([0, *(len(part.values) for part in parts)])
        ends = [part.ends + start for part, start in zip(parts, starts)]
        return cls(np.concatenate([part.values for part in parts]), np.concatenate(ends))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> np.ndarray:
        """Give a row, not to be written to."""
        index = range(len(self.ends))[index]
        return self.values[int(self.ends[index - 1]) if index else 0 : int(self.ends[index])]

    @property
    def starts(self) -> np.ndarray:
        """Where each row begins, int64 [n]."""
        return np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])[: len(self.ends)]

    @property
    def lengths(self) -> np.ndarray:
        """How long each row is, int64 [n]."""
        return np.diff(self.ends, prepend=0)

    def beginnings(self, lengths: np.ndarray) -> "Ragged":
        """Give the first numbers of each row, so many as `lengths` int64 [n] says; no row has fewer."""
        places = np.arange(len(self.values)) - np.repeat(self.starts, self.lengths)
        return Ragged(self.values[places < np.repeat(lengths, self.lengths)], np.cumsum(lengths))

    def take(self, indices: np.ndarray) -> "Ragged":
        """Give some rows, in the order of the indices int [k]."""
        stops = self.ends[indices]
        starts = np.where(indices == 0, 0, self.ends[indices - 1])
        lengths = stops - starts
        ends = np.cumsum(lengths, dtype=np.int64)
        values = np.empty((int(ends[-1]) if len(ends) else 0, *self.values.shape[1:]), self.values.dtype)
        step = 65536  # rows at a time: each value needs two numbers to be found by
        for first in range(0, len(ends), step):
            part = slice(first, first + step)
            begin = int(ends[first - 1]) if first else 0
            within = np.arange(begin, int(ends[part][-1])) - np.repeat(ends[part] - lengths[part], lengths[part])
            values[begin : int(ends[part][-1])] = self.values[within + np.repeat(starts[part], lengths[part])]
        return Ragged(values, ends)
