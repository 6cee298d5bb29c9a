"""Masks: what is salient in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from ...errors import DataError
from ..augmentation.masks import augment
from ..augmentation.settings import Augmentation
from ..example import IGNORE, Example
from ..fit import fit_image, fit_labels, fitted_size
from ..images import check_sizes, resize_map, resize_mask
from .base import Array, Arrays, Facts, Target
from .drawing import OUTLINE, TINT, hatch_ignored, tint


@dataclass(frozen=True)
class MaskFacts(Facts):
    """How far masks reach.

    Attributes:
        masks: the number of examples.
        empty: how many of them have no salient pixel.
        full: how many of them have salient pixels and no background.
    """

    masks: int
    empty: int
    full: int

    def __add__(self, other: "MaskFacts") -> "MaskFacts":
        return MaskFacts(self.masks + other.masks, self.empty + other.empty, self.full + other.full)

    def notes(self, class_names: Sequence[str]) -> list[str]:
        """See `Facts`."""
        of = f"of {self.masks} mask{'' if self.masks == 1 else 's'}"
        notes = []
        if self.empty:
            are = "is" if self.empty == 1 else "are"
            notes.append(
                f"{self.empty} {of} {are} empty: FLoss gives them no gradient, see empty_target in docs/losses.md"
            )
        if self.full:
            are = "is" if self.full == 1 else "are"
            notes.append(f"{self.full} {of} {are} salient everywhere: look whether that is meant")
        return notes

    @property
    def hopeless(self) -> bool:
        """Whether no example has a salient pixel."""
        return self.empty == self.masks


class MaskTarget(Target[Augmentation]):
    """A mask, uint8 [H, W] of 0, 1 and 255 (ignore)."""

    name = "mask"
    drawn = "salient pixels tinted, ignored hatched in grey"

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

    def check(self, example: Example, class_names: Sequence[str]) -> None:
        """See `Target`."""
        mask = _mask(example)
        check_sizes(example.image, mask, example.name, example.name)
        if not np.isin(np.unique(mask), (0, 1, IGNORE)).all():
            raise DataError(
                f"the mask of {example.name} holds other values than 0, 1 and {IGNORE} (ignore): map its values to "
                "these"
            )

    def facts(self, example: Example, class_names: Sequence[str]) -> MaskFacts:
        """See `Target`."""
        mask = _mask(example)
        salient = bool((mask == 1).any())
        return MaskFacts(masks=1, empty=int(not salient), full=int(salient and not (mask == 0).any()))

    def caption(self, example: Example, class_names: Sequence[str]) -> list[str]:
        """Say which share of the pixels that count is salient."""
        mask = _mask(example)
        return [f"{(mask == 1).sum() / max(1, int((mask != IGNORE).sum())):.0%} salient"]

    def draw(self, canvas: np.ndarray, example: Example, class_names: Sequence[str]) -> None:
        """Tint the salient region and outline it in white; hatch what is ignored."""
        mask = resize_mask(_mask(example), (canvas.shape[0], canvas.shape[1]))
        salient = (mask == 1).astype(np.uint8)
        tint(canvas, salient == 1, np.array(TINT), 0.45)
        outlines, _ = cv2.findContours(salient, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, outlines, -1, OUTLINE, 1, cv2.LINE_AA)
        hatch_ignored(canvas, mask)


def _mask(example: Example) -> np.ndarray:
    return cast(np.ndarray, example.mask)
