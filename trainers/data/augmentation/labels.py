"""Augmentation of pictures with class maps: rescale, crop or pad, flip, colour; labels by nearest neighbour."""

from functools import partial

import cv2
import numpy as np

from ...geometry import InputSize, Size, height_width
from ..example import IGNORE
from ..fit import GREY, fitted_size
from ..images import resize_image, resize_mask
from .colours import Rng, colour_matrix
from .settings import LabelAugmentation

_SCALE_TRIALS = 5


def augment_labels(
    image: np.ndarray,
    labels: np.ndarray,
    size: InputSize,
    resizing: str,
    rng: Rng,
    settings: LabelAugmentation,
    *,
    wanted: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rescale, crop or pad, mirror and recolour one example; the arguments are those of `Target.augment`.

    A random part of the input's size is taken of the picture at its `fitted_size` times a random factor; beyond the
    edges it is grey, and its labels are 255 (ignore). Where no factor leaves a pixel of the wanted class, all stay.
    """
    fitted, sides = fitted_size(labels.shape, size, resizing), height_width(size)
    scaled, pixel = _rescaled(labels, fitted, rng, settings, wanted)
    image = resize_image(image, scaled.shape[:2])
    top, left = map(partial(_offset, rng), scaled.shape, sides, pixel or (None, None))
    image, labels = _placed(image, top, left, sides, GREY), _placed(scaled, top, left, sides, IGNORE)
    if settings.flip and rng.random() < 0.5:
        image, labels = cv2.flip(image, 1), cv2.flip(labels, 1)
    if settings.recolours:
        image = cv2.transform(image, colour_matrix(rng, settings))
    return image, labels


def _rescaled(
    labels: np.ndarray, fitted: tuple[int, int], rng: Rng, settings: LabelAugmentation, wanted: int | None
) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Give the labels at a random scale, and the place of a random pixel of the wanted class."""
    low, high = np.log(settings.min_scale), np.log(settings.max_scale)
    factors = (*np.exp(rng.uniform(low, high, _SCALE_TRIALS)).tolist(), settings.max_scale)
    shapes = [(max(1, round(fitted[0] * factor)), max(1, round(fitted[1] * factor))) for factor in factors]
    # With its own pixels, a picture has all of its classes.
    for shape in (*shapes, labels.shape[:2]):
        scaled = resize_mask(labels, shape)
        if wanted is None:
            return scaled, None
        places = np.flatnonzero(scaled == wanted)
        if len(places):
            return scaled, divmod(int(places[rng.integers(len(places))]), shape[1])
    raise ValueError(f"the labels have no pixel of class {wanted}")


def _offset(rng: Rng, length: int, side: int, pixel: int | None) -> int:
    """Draw where the picture begins along a side: at 0 or behind where it fits in, at 0 or before where not."""
    low, high = sorted((0, side - length))
    if pixel is not None:
        low, high = max(low, -pixel), min(high, side - 1 - pixel)
    return int(rng.integers(low, high + 1))


def _placed(picture: np.ndarray, top: int, left: int, size: Size, padding: int) -> np.ndarray:
    """Lay a picture into one of (height, width); what reaches over its edges is cut off."""
    cut = picture[max(0, -top) : size[0] - top, max(0, -left) : size[1] - left]
    if cut.shape[:2] == size:
        return np.ascontiguousarray(cut)
    canvas = np.full((*size, *picture.shape[2:]), padding, np.uint8)
    top, left = max(0, top), max(0, left)
    canvas[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return canvas
