"""Class maps: the class of each pixel."""

import numpy as np

from ..augmentation.labels import augment_labels
from ..augmentation.settings import LabelAugmentation
from ..fit import fit_image, fit_labels, unfit_scores
from .base import Array, Arrays, Target


class LabelTarget(Target[LabelAugmentation]):
    """A class map, uint8 [H, W] of classes and 255 (ignore)."""

    name = "labels"

    def fit(self, image: np.ndarray, parts: Arrays, size: int, resizing: str) -> Arrays:
        """As `Target.fit`; beside or below a padded picture the labels are 255 (ignore)."""
        (labels,) = parts
        return fit_image(image, size, resizing), fit_labels(labels, size, resizing)

    def unfit(self, found: np.ndarray, size: int, resizing: str, shape: tuple[int, int]) -> np.ndarray:
        """Bring scores float32 [size, size, C] to float32 [height, width, C], bilinearly."""
        return unfit_scores(found, shape, resizing)

    def augment(
        self,
        image: np.ndarray,
        parts: Arrays,
        size: int,
        resizing: str,
        rng: np.random.Generator,
        augmentation: LabelAugmentation,
        wanted: int | None = None,
    ) -> Arrays:
        """As `Target.augment`."""
        (labels,) = parts
        return augment_labels(image, labels, size, resizing, rng, augmentation, wanted=wanted)

    def layout(self, size: int, room: int) -> tuple[Array, ...]:
        """Give one array, int32 [size, size]."""
        return (Array(self.name, (size, size), "uint8", "int32"),)
