"""Augmentation of pictures with masks: crop, flip, colour; image and mask alike."""

import cv2
import numpy as np

from ...geometry import InputSize
from ..example import IGNORE
from ..fit import fit_image, fit_labels, window_of
from .colours import Rng, colour_matrix
from .settings import Augmentation

_CROP_TRIALS = 5
_MAX_ASPECT = 4 / 3


def crop_window(mask: np.ndarray, rng: Rng, min_scale: float) -> tuple[slice, slice]:
    """Choose the rows and columns that stay, with something salient: a share of the area within [min_scale, 1]."""
    height, width = mask.shape
    salient = (mask != 0) & (mask != IGNORE)
    for _ in range(_CROP_TRIALS):
        area = rng.uniform(min_scale, 1.0)
        # Both sides must fit into the picture, which bounds the aspect by the area.
        bound = np.log(min(_MAX_ASPECT, 1 / area))
        aspect = np.exp(rng.uniform(-bound, bound))
        rows = int(np.clip(round(height * np.sqrt(area / aspect)), 1, height))
        columns = int(np.clip(round(width * np.sqrt(area * aspect)), 1, width))
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        window = slice(top, top + rows), slice(left, left + columns)
        if salient[window].any() or not salient.any():
            return window
    return slice(0, height), slice(0, width)


def augment(
    image: np.ndarray, mask: np.ndarray, size: InputSize, rng: Rng, settings: Augmentation, resizing: str = "stretch"
) -> tuple[np.ndarray, np.ndarray]:
    """Crop, fit, mirror and recolour one example as `Target.augment` says; the mask is 255 (ignore) in the padding."""
    if settings.min_scale < 1:
        window = crop_window(mask, rng, settings.min_scale)
        image, mask = window_of(image, mask.shape, *window), mask[window]
    image, mask = fit_image(image, size, resizing, mask.shape), fit_labels(mask, size, resizing)
    if settings.flip and rng.random() < 0.5:
        image, mask = cv2.flip(image, 1), cv2.flip(mask, 1)
    if settings.recolours:
        image = cv2.transform(image, colour_matrix(rng, settings))
    return image, mask
