"""The objects in a picture."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..show import overlay_boxes
from ..show.facts import classes_of, counted, listed
from .base import Result


@dataclass(frozen=True, eq=False, repr=False)
class Detections(Result, overlay_boxes.Boxes):
    """The objects in a picture: all that were found, whatever their scores, surest first.

    Views to draw: `boxes`, `spotlight` (the rest darkened), `raw` (everything found).
    """

    views, titles = overlay_boxes.VIEWS, overlay_boxes.TITLES
    _framed = True

    @property
    def objects(self) -> Self:
        """The same as `shown`."""
        return self.shown

    @property
    def shown(self) -> Self:
        """Those whose score reaches the threshold, or that of their class."""
        return self.above(self.threshold.levels)

    @property
    def summary(self) -> str:
        """How many objects reach the threshold."""
        return counted(len(self.shown), "object", "s")

    def _annotations(self) -> dict[str, Any]:
        shown, indices = self.shown, self.shown.classes.tolist()
        classes = classes_of(indices, [self.name(index) for index in indices])
        return {"xyxy": shown.boxes, "confidence": shown.scores, **classes}

    def _facts(self) -> dict[str, Any]:
        return {"objects": listed(self.shown)}

    def _resized(self, size: tuple[int, int]) -> dict[str, Any]:
        scale = size[1] / self.size[1], size[0] / self.size[0]
        return {"boxes": (self.boxes * [*scale, *scale]).astype(np.float32)}
