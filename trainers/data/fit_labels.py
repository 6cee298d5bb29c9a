"""How class maps become the square input as their pictures do, and how scores come back. Imports no TensorFlow."""

import cv2
import numpy as np

from .boxes import fitted_size
from .images import resize_mask
from .sources import IGNORE


def fit_labels(labels: np.ndarray, size: int, resizing: str = "pad") -> np.ndarray:
    """Bring a class map to the square input, as `boxes.fit_image` does its picture.

    Args:
        labels: uint8 [H, W]; not changed.
        size: Side of the input, in pixels.
        resizing: `pad` (255, ignore, where there is no picture) or `stretch`.

    Returns:
        uint8 [size, size].

    Raises:
        UsageError: If there is no such resizing.
    """
    height, width = fitted_size(labels.shape, size, resizing)
    labels = resize_mask(labels, (height, width))
    return np.pad(labels, ((0, size - height), (0, size - width)), constant_values=IGNORE)


def unfit_scores(scores: np.ndarray, shape: tuple[int, int], resizing: str = "pad") -> np.ndarray:
    """Bring scores of classes in the square input back to the size of the picture, bilinearly.

    Args:
        scores: float32 [S, S, C].
        shape: (height, width) of the picture, in pixels.
        resizing: As the picture was brought to the input.

    Returns:
        float32 [height, width, C].

    Raises:
        UsageError: If there is no such resizing.
    """
    height, width = fitted_size(shape, len(scores), resizing)
    scores = np.ascontiguousarray(scores[:height, :width], np.float32)
    if (height, width) != tuple(shape):
        # OpenCV drops the last axis of a single channel.
        scores = cv2.resize(scores, shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*shape, -1)
    return scores
