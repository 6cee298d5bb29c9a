"""Boxes: where objects are, and of which class."""

import numpy as np

from ...errors import DataError, UsageError
from ...geometry import IGNORED, PADDING
from ..augmentation.boxes import augment_boxes
from ..augmentation.settings import BoxAugmentation
from ..example import Example, Source, ignored_boxes
from ..fit import fit_boxes, fit_image, fit_scale, unfit_boxes
from .base import Array, Arrays, Target


class BoxTarget(Target[BoxAugmentation]):
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

    def augment(
        self,
        image: np.ndarray,
        parts: Arrays,
        size: int,
        resizing: str,
        rng: np.random.Generator,
        augmentation: BoxAugmentation,
        wanted: int | None = None,
    ) -> Arrays:
        """As `Target.augment`; boxes that are not seen any more are left out."""
        boxes, classes = parts
        ignored = classes == IGNORED
        image, boxes, kept = augment_boxes(image, boxes, size, resizing, rng, augmentation, ignored=ignored)
        return image, boxes, classes[kept]

    def layout(self, size: int, room: int) -> tuple[Array, ...]:
        """Give boxes float32 [room, 4] and classes int32 [room], both -1 where there is none."""
        return Array("boxes", (room, 4), "float32", "float32"), Array("classes", (room,), "int32", "int32")

    def room(self, source: Source, wanted: int | None = None) -> int:
        """As `Target.room`; where a source knows its `box_counts`, nothing is loaded."""
        if wanted is None:
            return max(1, most_boxes(source))
        if wanted < 1:
            raise UsageError(f"max_boxes must be at least 1, got {wanted}")
        if len(source) and hasattr(source, "box_counts"):
            fullest = int(np.argmax(source.box_counts))
            _check_room(source, fullest, source.box_counts[fullest], wanted)
        return wanted

    def check_room(self, source: Source, index: int, parts: Arrays, room: int) -> None:
        """As `Target.check_room`."""
        _check_room(source, index, len(parts[0]), room)

    def padded(self, parts: Arrays, room: int) -> Arrays:
        """Fill boxes float32 [n, 4] and classes int32 [n] up to the room with -1."""
        boxes, classes = parts
        missing = room - len(boxes)
        boxes = np.pad(boxes.astype(np.float32), ((0, missing), (0, 0)), constant_values=PADDING)
        return boxes, np.pad(classes.astype(np.int32), (0, missing), constant_values=PADDING)


def _check_room(source: Source, index: int, count: int, room: int) -> None:
    if count > room:
        raise DataError(
            f"{source.names[index]} of {source.name} has {count} boxes and there is room for {room}: give --max-boxes "
            f"{count}"
        )


def most_boxes(source: Source) -> int:
    """Count the boxes of the example that has most, as its annotation is written: what all must have room for.

    Cheap where a source knows its `box_counts`, or a `box_bound` that none exceeds; otherwise every example is loaded.

    Raises:
        DataError: an example cannot be loaded or has no boxes (not even none).
    """
    if hasattr(source, "box_counts"):
        return int(max(source.box_counts, default=0))
    if hasattr(source, "box_bound"):
        return source.box_bound
    target = BoxTarget()
    return max((len(target.of(source.load(index), source)[0]) for index in range(len(source))), default=0)
