"""Augmentation as a pure function of an example and a random generator: crop, flip, colour; image and mask alike."""

from dataclasses import dataclass

import cv2
import numpy as np

from ...errors import UsageError
from ..example import IGNORE
from ..images import resize_image, resize_mask

_CROP_TRIALS = 5
_MAX_ASPECT = 4 / 3
# Luma and chroma (YIQ): hue turns the chroma plane, saturation scales it.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


@dataclass(frozen=True)
class ColourSettings:
    """How strongly colours are varied; what every augmentation has."""

    # Without a type it is no field, and no setting of a configuration.
    RANGES = (("brightness", 0, 0.99), ("contrast", 0, 0.99), ("saturation", 0, 1), ("hue", 0, 0.5))
    """Name, lowest and highest value of every number; subclasses add theirs."""

    brightness: float = 0.2
    """Largest relative change of exposure, in [0, 1)."""
    contrast: float = 0.2
    """Largest relative change of contrast, in [0, 1)."""
    saturation: float = 0.3
    """Largest relative change of colour strength, in [0, 1]."""
    hue: float = 0.03
    """Largest turn of the colour circle, as a share of it, in [0, 0.5]."""

    def __post_init__(self):
        for name, low, high in self.RANGES:
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} must lie in {low}..{high}, got {getattr(self, name)}")

    @property
    def recolours(self) -> bool:
        """Whether any colour is varied."""
        return bool(self.brightness or self.contrast or self.saturation or self.hue)


@dataclass(frozen=True)
class _Views:
    flip: bool = True
    """Mirror left and right in half of the cases."""
    min_scale: float = 0.5
    """Smallest share of the picture's area that a crop keeps, in (0, 1]; 1 never crops."""


# The fields of the last base come first.
@dataclass(frozen=True)
class Augmentation(ColourSettings, _Views):
    """How strongly training examples are varied; see `NO_AUGMENTATION` for not at all."""

    RANGES = (("min_scale", 0.01, 1), *ColourSettings.RANGES)


NO_AUGMENTATION = Augmentation(flip=False, min_scale=1.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
"""Examples are only resized, as in evaluation."""


def _has_salient(mask: np.ndarray) -> bool:
    return bool(((mask != 0) & (mask != IGNORE)).any())


def crop_window(mask: np.ndarray, rng: np.random.Generator, min_scale: float) -> tuple[slice, slice]:
    """Choose the part of a picture that stays.

    The share of the area is uniform in [min_scale, 1], and the aspect at most a third off the picture's own. A crop
    that loses everything salient of a picture that has it is drawn again; after five such crops the whole picture
    stays.

    Args:
        mask: uint8 [H, W]; 0 and 255 are not salient.
        rng: Where the randomness comes from.
        min_scale: Smallest share of the area, in (0, 1].

    Returns:
        The rows and the columns.
    """
    height, width = mask.shape
    salient = None
    for _ in range(_CROP_TRIALS):
        area = rng.uniform(min_scale, 1.0)
        # Both sides must fit into the picture, which bounds the aspect by the area.
        bound = np.log(min(_MAX_ASPECT, 1 / area))
        aspect = np.exp(rng.uniform(-bound, bound))
        rows = int(np.clip(round(height * np.sqrt(area / aspect)), 1, height))
        columns = int(np.clip(round(width * np.sqrt(area * aspect)), 1, width))
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        window = slice(top, top + rows), slice(left, left + columns)
        if _has_salient(mask[window]):
            return window
        if salient is None:
            salient = _has_salient(mask)
        if not salient:
            return window
    return slice(0, height), slice(0, width)


def colour_matrix(rng: np.random.Generator, settings: ColourSettings) -> np.ndarray:
    """Draw a change of exposure, contrast, saturation and hue as one affine map of RGB in 0..255.

    Args:
        rng: Where the randomness comes from.
        settings: The strengths.

    Returns:
        float64 [3, 4].
    """
    strengths = np.array([settings.brightness, settings.contrast, settings.saturation])
    exposure, contrast, saturation = 1 + rng.uniform(-strengths, strengths)
    turn = 2 * np.pi * rng.uniform(-settings.hue, settings.hue)
    c, s = saturation * np.cos(turn), saturation * np.sin(turn)
    colour = _RGB @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ _YIQ
    middle = np.full((3, 1), 127.5 * (1 - contrast))
    return exposure * np.concatenate([contrast * colour, middle], axis=1)


def augment(
    image: np.ndarray, mask: np.ndarray, size: int, rng: np.random.Generator, settings: Augmentation
) -> tuple[np.ndarray, np.ndarray]:
    """Crop, resize, mirror and recolour one example.

    Args:
        image: uint8 [H, W, 3], RGB; not changed.
        mask: uint8 [H, W], a mask or class map; not changed.
        size: Side of the result, in pixels.
        rng: Where the randomness comes from; the same state gives the same bytes.
        settings: What is varied, and how strongly.

    Returns:
        uint8 [size, size, 3] and uint8 [size, size]; the mask has only values that it had before.
    """
    if settings.min_scale < 1:
        window = crop_window(mask, rng, settings.min_scale)
        image, mask = image[window], mask[window]
    image, mask = resize_image(image, (size, size)), resize_mask(mask, (size, size))
    if settings.flip and rng.random() < 0.5:
        image, mask = cv2.flip(image, 1), cv2.flip(mask, 1)
    if settings.recolours:
        image = cv2.transform(image, colour_matrix(rng, settings))
    return image, mask
