"""Sums of shares that come out the same in any order: parts of a data set, merged anyhow, give the figures of one."""

from typing import Any, Self

import numpy as np

_DIGITS = 32  # bits of each of a number's places after the point
_PLACES = 3


class ExactSum:
    """The sum of arrays of one shape, as whole numbers: nothing is rounded away but what is below 2^-96 of an addend.

    Every addend is from 0 to 2, such as a precision or an IoU; up to 2^29 of them fit.
    """

    def __init__(self, shape: tuple[int, ...] = ()):
        self._places = np.zeros((_PLACES, *shape), np.int64)

    def add(self, values: Any) -> None:
        """Add float64 values of the sum's shape; ValueError for one that is out of range, or no number."""
        rest = np.asarray(values, np.float64)
        if not (np.all(rest >= 0) and np.all(rest <= 2)):
            raise ValueError(f"what is added up must lie in [0, 2], got [{rest.min()}, {rest.max()}]")
        for place in range(_PLACES):
            # Multiplying by a power of two and cutting off the whole part are exact.
            rest = rest * 2.0**_DIGITS
            whole = np.floor(rest)
            self._places[place] += whole.astype(np.int64)
            rest = rest - whole

    def __add__(self, other: Self) -> Self:
        total = type(self)()
        total._places = self._places + other._places
        return total

    @property
    def value(self) -> np.ndarray:
        """The sum, float64 of its shape, rounded once."""
        first, *others = self._places.astype(object)
        total = first
        for place in others:
            total = (total << _DIGITS) + place
        # Whole numbers of Python divide to the nearest float.
        return np.asarray(total / (1 << _DIGITS * _PLACES), np.float64)
