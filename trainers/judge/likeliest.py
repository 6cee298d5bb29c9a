"""The class of the highest score of each pixel, and that score."""

from typing import NamedTuple

import cv2
import numpy as np

from ..metrics.calibration.class_temperature import PixelSample, sample_of
from ..metrics.expected_iou import Promised

FEW = 12  # classes: of so many it is quicker to compare one by one than to go through a short last axis


class Decided(NamedTuple):
    """Another class map of a picture, uint8 [H, W], what its probabilities promise of that, and of the likeliest."""

    classes: np.ndarray
    promised: Promised
    promised_likeliest: Promised


class Likeliest(NamedTuple):
    """What is found of a picture's classes, as its judge takes it: uint8 [H, W], and the score float32 [H, W].

    Of some of its pixels the scores of all classes may be known, and another class map may be made of them.
    """

    classes: np.ndarray
    confidence: np.ndarray
    sample: PixelSample | None = None
    decided: Decided | None = None


def likeliest_sampled(scores: np.ndarray) -> Likeliest:
    """Find the same as `likeliest`, with the scores of some pixels."""
    return likeliest(scores)._replace(sample=sample_of(scores))


def likeliest(scores: np.ndarray) -> Likeliest:
    """Find the largest of scores float [H, W, C], C up to 256; the first where several are equal."""
    scores = np.ascontiguousarray(scores, np.float32)
    height, width, count = scores.shape
    if count > FEW:
        classes = scores.argmax(axis=-1)
        starts = np.arange(0, scores.size, count).reshape(height, width)
        return Likeliest(classes.astype(np.uint8), scores.ravel().take(starts + classes))
    highest, *others = cv2.split(scores)
    classes = np.zeros((height, width), np.uint8)
    for index, values in enumerate(others, 1):
        larger = np.asarray(cv2.compare(values, highest, cv2.CMP_GT), np.uint8)
        cv2.max(values, highest, highest)
        np.maximum(classes, larger & np.uint8(index), out=classes)
    return Likeliest(classes, highest)
