"""The class of the highest score of each pixel, and that score."""

from typing import NamedTuple

import cv2
import numpy as np


class Likeliest(NamedTuple):
    """What is found of a picture's classes, as its judge takes it: uint8 [H, W], and the score float32 [H, W]."""

    classes: np.ndarray
    confidence: np.ndarray


def likeliest(scores: np.ndarray) -> Likeliest:
    """Find the largest of scores float [H, W, C], C up to 256; the first where several are equal."""
    # Class by class: NumPy's argmax over a short last axis takes several times as long.
    first, *others = cv2.split(np.ascontiguousarray(scores, np.float32))
    classes, highest = np.zeros(first.shape, np.uint8), first.copy()
    for index, values in enumerate(others, 1):
        larger = cv2.compare(values, highest, cv2.CMP_GT)
        cv2.copyTo(values, larger, highest)
        classes[larger.view(bool)] = index
    return Likeliest(classes, highest)
