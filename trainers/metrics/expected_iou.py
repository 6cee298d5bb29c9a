"""The mean IoU that probabilities promise of class maps, before any labels are looked at (Nowozin, CVPR 2014).

Where pixels are independent, and a class is right as often as its probability says, its IoU is about I_c / U_c: Σ p of
the pixels that it is given, over their number and Σ p of all others. What it promises more or less than what is then
measured is the fault of the probabilities.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .streaming import Streaming

_UNIT = 2.0**20  # sums are whole numbers of this part of a pixel, so that the order of the pictures changes nothing


class Promised(NamedTuple):
    """What the probabilities of a picture promise of a class map: float64 [..., C] each, in pixels."""

    intersection: np.ndarray
    union: np.ndarray


def expected_iou(promised: Promised) -> np.ndarray:
    """Give the mean of I_c / U_c over the classes, float64 [...]; 0/0 = 0."""
    intersection, union = promised
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0).mean(axis=-1)


class ExpectedIoU(Streaming):
    """Adds up what is promised of pictures."""

    _settings = ("class_names",)
    _sums = ("_pixels",)

    def __init__(self, class_names: Sequence[str]):
        self.class_names = tuple(class_names)
        self._pixels = np.zeros((2, len(self.class_names)), np.int64)

    def add(self, promised: Promised) -> None:
        """Take in what is promised of one picture, float64 [C] each."""
        self._pixels += np.rint(np.stack(promised) * _UNIT).astype(np.int64)

    def result(self, there: np.ndarray) -> float:
        """Give the mean over the classes that are there, bool [C], over all pixels together; NaN of none."""
        if not there.any():
            return float("nan")
        intersection, union = self._pixels[:, there] / _UNIT
        return float(expected_iou(Promised(intersection, union)))
