"""The class of each pixel of a picture."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from ...trainers.errors import UsageError
from ..show import overlay_classes
from ..show.facts import counted, listed_parts, masks_of
from ..show.parts import Parts, connected_parts
from ..show.pictures import encode_indices
from .base import Result


@dataclass(frozen=True, eq=False, repr=False)
class ClassMap(Result, overlay_classes.PixelClasses):
    """The class of each pixel of a picture; less sure ones than the threshold show none.

    Views to draw: `classes` (the picture tinted), `labels` (the class map alone), `confidence`. `indices` can be saved
    besides, as .png with a palette: programs read the indices of the classes, people see colours.
    """

    views, titles = overlay_classes.VIEWS, overlay_classes.TITLES

    @cached_property
    def objects(self) -> Parts:
        """The connected parts of each class but the background, largest first, without specks."""
        level = self.threshold.value
        labels, seen = overlay_classes.shown_labels(self, level), self.shares(level)
        masks = {one: (labels == one).view(np.uint8) for one in seen if self.class_names[one] != "background"}
        return connected_parts(masks, self.confidence, class_names=self.class_names, colours=self.colours)

    @property
    def summary(self) -> str:
        """How many classes are seen."""
        return counted(len(self.shares(self.threshold.value)), "class", "es")

    def _annotations(self) -> dict[str, Any]:
        labels = overlay_classes.shown_labels(self, self.threshold.value)
        return masks_of(list(self.shares(self.threshold.value)), labels, self.confidence, self.class_names)

    def _facts(self) -> dict[str, Any]:
        shares, names = self.shares(self.threshold.value).items(), self.class_names
        classes = [{"class": names[one], "index": one, "share": round(share, 6)} for one, share in shares]
        return {"classes": classes, "objects": listed_parts(self.objects)}

    def encode(self, suffix: str, view: str = "", *, objects: bool = False) -> bytes:
        """See `Result`."""
        if view != "indices":
            return super().encode(suffix, view, objects=objects)
        if suffix != ".png":
            raise UsageError(f"indices of classes are written as .png, which keeps them exact; got {suffix}")
        return encode_indices(overlay_classes.shown_labels(self, self.threshold.value), self.colours)

    def _resized(self, size: tuple[int, int]) -> dict[str, Any]:
        return {
            "labels": cv2.resize(self.labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT),
            "confidence": cv2.resize(self.confidence, size[::-1], interpolation=cv2.INTER_LINEAR),
        }
