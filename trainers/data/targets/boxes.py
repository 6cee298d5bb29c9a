"""Boxes: where objects are, and of which class."""

import numpy as np

from ...errors import DataError
from ...geometry import IGNORED
from ..example import Example, Source, ignored_boxes
from ..fit import fit_boxes, fit_image, fit_scale, unfit_boxes
from .base import Arrays, Target


class BoxTarget(Target):
    """Boxes float32 [n, 4] as (x0, y0, x1, y1) in pixels, and their classes int32 [n]; -2 where they do not count."""

    name = "boxes"

    def of(self, example: Example, source: Source) -> Arrays:
        """As `Target.of`; difficult boxes and crowds have the class -2."""
        boxes, classes = example.boxes, example.classes
        if boxes is None or classes is None:
            raise DataError(f"{example.name} of {source.name} has no boxes: choose a source that has them")
        return boxes, np.where(ignored_boxes(example), IGNORED, classes).astype(np.int32)

    def fit(self, image: np.ndarray, parts: Arrays, size: int, resizing: str) -> Arrays:
        """As `Target.fit`."""
        boxes, classes = parts
        scale = fit_scale((image.shape[0], image.shape[1]), size, resizing)
        return fit_image(image, size, resizing), fit_boxes(boxes, scale), classes

    def unfit(self, found: Arrays, size: int, resizing: str, shape: tuple[int, int]) -> Arrays:
        """Bring (boxes [K, 4], scores [K], classes [K], count) to (boxes, scores, classes) of `count` boxes each."""
        boxes, scores, classes, count = found
        boxes = unfit_boxes(boxes[: int(count)], fit_scale(shape, size, resizing), shape)
        return boxes, scores[: int(count)], classes[: int(count)]
