"""Which found box meets which true one: IoU, greedy matching by score, and the record of both over a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ...geometry import box_areas, box_iou
from ..streaming import Streaming
from .columns import Column, narrowed

# What becomes of a found box; an ignored one met a box that does not count.
FALSE_POSITIVE, TRUE_POSITIVE, IGNORED = 0, 1, -1


Given = np.ndarray | None


class Truth:
    """The boxes that are in one picture; ValueError for other shapes, or boxes that are not finite.

    Args:
        boxes: float [n, 4] as (x0, y0, x1, y1) in pixels of the picture, x1 and y1 exclusive.
        classes: integer [n], 0-based.
        difficult: bool [n], boxes (VOC) that do not count: nobody misses them, and what meets them is no error.
        crowd: bool [n], boxes (COCO) around many objects: they do not count either; a found box inside of one meets it.
        areas: float [n], pixels of each object, by which COCO tells small from large; by default those of the boxes.
    """

    def __init__(
        self, boxes: np.ndarray, classes: np.ndarray, difficult: Given = None, crowd: Given = None, areas: Given = None
    ):
        self.boxes, self.classes = _checked("true", boxes, classes)
        none = np.zeros(len(self.boxes), bool)
        self.difficult, self.crowd = _column("difficult", difficult, none), _column("crowd", crowd, none)
        self.ignored = self.difficult | self.crowd
        self.areas = _column("areas", areas, box_areas(self.boxes))


class Found:
    """Boxes found in one picture: float [n, 4] xyxy in pixels, scores [n] of any scale and order, classes 0-based."""

    def __init__(self, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray):
        self.boxes, self.classes = _checked("found", boxes, classes)
        self.scores = scores = np.asarray(scores, np.float64).reshape(-1)
        if len(scores) != len(self.boxes) or not np.isfinite(scores).all():
            raise ValueError(f"found boxes need a finite score each, got {len(scores)} scores for {len(boxes)} boxes")

    def of_class(self, index: int) -> np.ndarray:
        """Give where the boxes of a class stand, surest first, as integers; equal scores keep their order."""
        places = np.flatnonzero(self.classes == index)
        return places[np.argsort(-self.scores[places], kind="stable")]


def match(
    iou: np.ndarray, ignored: np.ndarray, threshold: float = 0.5, *, preferred: Given = None
) -> tuple[np.ndarray, np.ndarray]:
    """Match found to true boxes of one class in one picture, as COCO does, by IoU [n, m], found boxes by falling score.

    Each takes the free true box it overlaps most; where none is left, one that does not count, which many may meet.
    Of those that it overlaps alike it takes the first, or the first that is `preferred`, bool [n, m]. Gives what
    becomes of each found box, int8 [n], and the true box that it meets, int64 [n], -1 where none.
    """
    fate, met = np.full(len(iou), FALSE_POSITIVE, np.int8), np.full(len(iou), -1)
    if not iou.size:
        return fate, met
    free = ~ignored
    for place, row in enumerate(iou):
        for among, result in ((free, TRUE_POSITIVE), (ignored, IGNORED)):
            reached = np.where(among, row, -1.0)
            best = int(reached.argmax())
            if preferred is not None:
                alike = (reached == reached[best]) & preferred[place]
                best = int(alike.argmax()) if alike.any() else best
            if reached[best] >= threshold:
                fate[place], met[place] = result, best
                free[best] = False
                break
    return fate, met


@dataclass(frozen=True, eq=False)
class ClassMatches:
    """What was found of one class in all pictures, surest first, without what met a box that does not count."""

    scores: np.ndarray
    iou: np.ndarray  # with the true box that was met; 0 for false positives
    positive: np.ndarray
    truths: int  # how many true boxes count


_OF_MATCHES = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0, bool))  # class, score, IoU, positive


class Matches(Streaming):
    """Matches of a data set, IoU at least tau, from the position `start` in it: a few numbers for each found box."""

    _settings = ("class_names", "tau")
    _sums = ("images", "_truths")

    def __init__(self, class_names: Sequence[str], tau: float = 0.5, *, start: int = 0):
        self.class_names, self.tau, self.images = tuple(class_names), tau, 0
        self._next = start
        self._truths = np.zeros(len(self.class_names), np.int64)
        self._rows: list[tuple[int, tuple[np.ndarray, ...]]] = []

    def update(self, truth: Truth, found: Found) -> None:
        """Take in one picture; ValueError for a class without a name."""
        check_classes(self.class_names, truth.classes, found.classes)
        self._truths += np.bincount(truth.classes[~truth.ignored], minlength=len(self.class_names))
        for index in np.unique(found.classes):
            places, true = found.of_class(index), np.flatnonzero(truth.classes == index)
            iou = box_iou(found.boxes[places], truth.boxes[true], truth.crowd[true])
            fate, met = match(iou, truth.ignored[true], self.tau)
            counts = fate != IGNORED
            reached = iou[np.arange(len(iou)), met] if iou.size else np.zeros(len(iou))
            positive = fate == TRUE_POSITIVE
            columns = (np.full(len(iou), index), found.scores[places], np.where(positive, reached, 0.0), positive)
            self._rows.append((self._next, tuple(column[counts] for column in columns)))
        self.images += 1
        self._next += 1

    def _take_in(self, other: Self) -> None:
        super()._take_in(other)
        self._rows += other._rows
        self._next = max(self._next, other._next)

    def end_at(self, position: int) -> None:
        """See `Streaming`."""
        self._next = position

    def __getstate__(self) -> dict[str, Any]:
        """Pack the rows into columns."""
        positions = np.array([position for position, _ in self._rows], np.int64)
        parts = zip(*(columns for _, columns in self._rows)) if self._rows else [()] * len(_OF_MATCHES)
        columns = [Column.of(list(part), like) for part, like in zip(parts, _OF_MATCHES)]
        return {**vars(self), "_rows": (narrowed(positions), columns)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        positions, columns = state["_rows"]
        vars(self).update(state)
        self._rows = list(zip(positions.tolist(), zip(*(column.arrays() for column in columns))))

    def by_class(self) -> list[ClassMatches]:
        """Give what was found, class by class."""
        in_order = sorted(self._rows, key=lambda row: row[0])
        columns = [columns for _, columns in in_order] or [(np.zeros(0),) * 4]
        kinds, scores, iou, positive = (np.concatenate(column) for column in zip(*columns))
        found = []
        for index, truths in enumerate(self._truths):
            rows = np.flatnonzero(kinds == index)
            rows = rows[np.argsort(-scores[rows], kind="stable")]
            found.append(ClassMatches(scores[rows], iou[rows], positive[rows].astype(bool), int(truths)))
        return found


def check_classes(class_names: Sequence[str], *classes: np.ndarray) -> None:
    """Refuse classes without a name."""
    for values in classes:
        if values.size and not (values.min() >= 0 and values.max() < len(class_names)):
            got, last = f"{values.min()}..{values.max()}", len(class_names) - 1
            raise ValueError(f"classes must lie in 0..{last}, one for each name, got {got}")


def by_class(class_names: Sequence[str], columns: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Turn columns [K] into one dict of numbers a class, without NaN."""
    return {
        name: {key: float(values[index]) for key, values in columns.items() if not np.isnan(values[index])}
        for index, name in enumerate(class_names)
    }


def mean_of_known(values: np.ndarray, axis: int | tuple[int, ...] | None = None) -> Any:
    """Average without NaN, over some axes or to one number; NaN where nothing is left."""
    there = ~np.isnan(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    mean = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return float(mean) if mean.ndim == 0 else mean


def _checked(kind: str, boxes: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    boxes, classes = np.asarray(boxes, np.float64), np.asarray(classes)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4 or classes.shape != boxes.shape[:1]:
        raise ValueError(f"{kind} boxes must be [n, 4] with classes [n], got {boxes.shape} and {classes.shape}")
    if not np.isfinite(boxes).all():
        raise ValueError(f"{kind} boxes must be finite")
    return boxes, classes.astype(np.int64)


def _column(name: str, values: Given, default: np.ndarray) -> np.ndarray:
    values = default if values is None else np.asarray(values, default.dtype).reshape(-1)
    if len(values) != len(default):
        raise ValueError(f"{name} must have one entry for each of {len(default)} boxes, got {len(values)}")
    return values
