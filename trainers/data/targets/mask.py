"""Masks: what is salient in a picture."""

import numpy as np

from ..augmentation.masks import augment
from ..augmentation.settings import Augmentation
from ..fit import fit_image, fit_labels, fitted_size
from ..images import resize_map
from .base import Array, Arrays, Target


class MaskTarget(Target[Augmentation]):
    """A mask, uint8 [H, W] of 0, 1 and 255 (ignore)."""

    name = "mask"

    def fit(self, image: np.ndarray, parts: Arrays, size: int, resizing: str) -> Arrays:
        """As `Target.fit`; beside or below a padded picture the mask is 255 (ignore)."""
        (mask,) = parts
        return fit_image(image, size, resizing), fit_labels(mask, size, resizing)

    def unfit(self, found: np.ndarray, size: int, resizing: str, shape: tuple[int, int]) -> np.ndarray:
        """Bring a map float32 [size, size] to float32 [height, width], bilinearly."""
        height, width = fitted_size(shape, size, resizing)
        return resize_map(found[:height, :width], shape)

    def augment(
        self,
        image: np.ndarray,
        parts: Arrays,
        size: int,
        resizing: str,
        rng: np.random.Generator,
        augmentation: Augmentation,
        wanted: int | None = None,
    ) -> Arrays:
        """As `Target.augment`; a crop keeps something salient where there is any."""
        (mask,) = parts
        return augment(image, mask, size, rng, augmentation, resizing)

    def layout(self, size: int, room: int) -> tuple[Array, ...]:
        """Give one array, int32 [size, size]."""
        return (Array(self.name, (size, size), "uint8", "int32"),)
