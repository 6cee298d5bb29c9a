"""Masks: what is salient in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ...errors import DataError
from ...geometry import InputSize
from ..augmentation.masks import augment
from ..augmentation.settings import Augmentation
from ..example import IGNORE, Example
from ..fit import fitted_size
from ..images import check_sizes, resize_map, resize_mask
from ..ragged import Ragged
from .base import Arrays, Facts, PixelTarget
from .drawing import OUTLINE, TINT, hatch_ignored, tint


@dataclass(frozen=True)
class MaskFacts(Facts):
    """How many examples there are, without a salient pixel, and with salient pixels and no background."""

    masks: int
    empty: int
    full: int

    def row(self) -> tuple[int, ...]:
        """See `Facts`: empty, full."""
        return self.empty, self.full

    @classmethod
    def of_rows(cls, rows: Ragged, classes: int) -> "MaskFacts":
        """See `Facts`."""
        empty, full = rows.values.reshape(-1, 2).sum(axis=0).tolist()
        return cls(len(rows), empty, full)

    def by_class(self, class_names: Sequence[str]) -> dict[str, str]:
        """Count the masks without a salient pixel."""
        return {"empty masks": str(self.empty)}

    def notes(self, class_names: Sequence[str]) -> list[str]:
        """See `Facts`."""
        notes = []
        for count, what in (
            (self.empty, "empty: FLoss gives them no gradient, see empty_target in docs/losses.md"),
            (self.full, "salient everywhere: look whether that is meant"),
        ):
            of = f"{count} of {self.masks} mask{'' if self.masks == 1 else 's'} {'is' if count == 1 else 'are'}"
            notes += [f"{of} {what}"] * (count > 0)
        if self.hopeless:
            notes.append("all masks are alike: nothing can be learnt from these alone, look whether they are meant")
        return notes

    @property
    def hopeless(self) -> bool:
        """Whether no example has a salient pixel, or none has another."""
        return self.masks in (self.empty, self.full)


class MaskTarget(PixelTarget[Augmentation]):
    """A mask, uint8 [H, W] of 0, 1 and 255 (ignore)."""

    name = "mask"
    drawn = "salient pixels tinted, ignored hatched in grey"

    def unfit(self, found: np.ndarray, size: InputSize, resizing: str, shape: tuple[int, int]) -> np.ndarray:
        """Bring a map float32 [h, w] to float32 [height, width], bilinearly."""
        height, width = fitted_size(shape, size, resizing)
        return resize_map(found[:height, :width], shape)

    def augment(
        self,
        image: np.ndarray,
        parts: Arrays,
        size: InputSize,
        resizing: str,
        rng: np.random.Generator,
        augmentation: Augmentation,
        wanted: int | None = None,
    ) -> Arrays:
        """As `Target.augment`; a crop keeps something salient where there is any."""
        return augment(image, parts[0], size, rng, augmentation, resizing)

    def check(self, example: Example, class_names: Sequence[str]) -> None:
        """See `Target`."""
        check_sizes(example.size, self.values(example), example.name, example.name)
        mask = self.values(example)
        if ((mask > 1) & (mask != IGNORE)).any():
            raise DataError(
                f"the mask of {example.name} holds other values than 0, 1 and {IGNORE} (ignore): map its values to "
                "these"
            )

    def facts(self, example: Example, class_names: Sequence[str]) -> MaskFacts:
        """See `Target`."""
        mask = self.values(example)
        salient = bool((mask == 1).any())
        return MaskFacts(masks=1, empty=int(not salient), full=int(salient and not (mask == 0).any()))

    def of_rows(self, rows: Ragged, class_names: Sequence[str]) -> MaskFacts:
        """See `Target`."""
        return MaskFacts.of_rows(rows, len(class_names))

    def caption(self, example: Example, class_names: Sequence[str]) -> list[str]:
        """Say which share of the pixels that count is salient."""
        mask = self.values(example)
        return [f"{(mask == 1).sum() / max(1, int((mask != IGNORE).sum())):.0%} salient"]

    def draw(self, canvas: np.ndarray, example: Example, class_names: Sequence[str]) -> None:
        """Tint the salient region and outline it in white; hatch what is ignored."""
        mask = resize_mask(self.values(example), (canvas.shape[0], canvas.shape[1]))
        tint(canvas, mask == 1, np.array(TINT), 0.45)
        outlines, _ = cv2.findContours((mask == 1).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, outlines, -1, OUTLINE, 1, cv2.LINE_AA)
        hatch_ignored(canvas, mask)
