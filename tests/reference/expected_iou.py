"""The mean IoU to be expected of class maps (Nowozin, CVPR 2014), in loops; the best ones by trying all."""

import itertools
from collections.abc import Sequence

import numpy as np


def expected_iou(probabilities: np.ndarray, classes: Sequence[int], copies: Sequence[int] | None = None) -> float:
    """Give the mean over the classes for pixels [n, C], each of which stands for so many; 0/0 = 0."""
    count, kinds = probabilities.shape
    copies = [1] * count if copies is None else copies
    values = []
    for kind in range(kinds):
        right = sum(copies[i] * probabilities[i, kind] for i in range(count) if classes[i] == kind)
        found = sum(copies[i] for i in range(count) if classes[i] == kind)
        missed = sum(copies[i] * probabilities[i, kind] for i in range(count) if classes[i] != kind)
        values.append(right / (found + missed) if found + missed else 0.0)
    return sum(values) / kinds


def best(probabilities: np.ndarray, copies: Sequence[int] | None = None, begins: tuple[int, ...] = ()) -> float:
    """Give the largest that any class map has which begins so, where the copies of a pixel all have its class."""
    count, kinds = probabilities.shape
    maps = itertools.product(range(kinds), repeat=count - len(begins))
    return max(expected_iou(probabilities, (*begins, *classes), copies) for classes in maps)
