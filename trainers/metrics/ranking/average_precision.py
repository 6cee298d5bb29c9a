"""COCO's average precision, counted by pycocotools, and detections as COCO writes them."""

import contextlib
import io
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pycocotools import mask as boxes_in_c
from pycocotools.cocoeval import COCOeval

from ...errors import MetricfitError
from ...geometry import box_areas
from ..streaming import Streaming
from .columns import Column, narrowed
from .matching import Found, Truth, by_class, check_classes, mean_of_known

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 100
"""How many of the surest boxes of a class in a picture count."""


@dataclass(frozen=True, eq=False)
class CocoResult:
    """What a set of detections scores, NaN where there is nothing to find; the catalogue explains the scalars."""

    ap: float
    ap50: float
    ap75: float
    ap90: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar: float
    class_names: tuple[str, ...]
    class_ap: np.ndarray  # float64 [K], as those at one IoU
    class_ap50: np.ndarray
    class_ap75: np.ndarray
    precision: np.ndarray  # float64 [10, 101, K] by IoU threshold, recall and class: highest at that recall or above
    images: int

    @property
    def scalars(self) -> dict[str, float]:
        """The eight figures by name, those that are NaN left out."""
        names = ("ap", "ap50", "ap75", "ap90", "ap_small", "ap_medium", "ap_large", "ar")
        return {name: value for name in names if not np.isnan(value := getattr(self, name))}

    def curve(self, iou: float, index: int | None = None) -> np.ndarray:
        """Give precision over `RECALLS`, float64 [101], at one of `IOU_THRESHOLDS`: of one class, or averaged."""
        precision = self.precision[_iou_index(iou)]
        return precision[:, index] if index is not None else mean_of_known(precision, axis=1)

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class name: `ap`, `ap50`, `ap75`, those that are NaN left out."""
        return by_class(self.class_names, {"ap": self.class_ap, "ap50": self.class_ap50, "ap75": self.class_ap75})

    @property
    def curves(self) -> dict[str, Any]:
        """Precision over recall at IoU .5, .75 and .9, averaged over classes, as plain lists."""
        precision = {f"{iou:.2f}": self.curve(iou).tolist() for iou in (0.5, 0.75, 0.9)}
        return {"recall": RECALLS.tolist(), "precision": precision}


# The arguments of `Truth` and of `Found`, in their order, and what is in them.
_OF_TRUTH = {
    "boxes": np.zeros((0, 4)),
    "classes": np.zeros(0, np.int64),
    "difficult": np.zeros(0, bool),
    "crowd": np.zeros(0, bool),
    "areas": np.zeros(0),
}
_OF_FOUND = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "classes": np.zeros(0, np.int64)}


class CocoAP(Streaming):
    """Takes in pictures one by one, in pixels of the original picture, and scores them together.

    Boxes of equal scores are ranked by the order of the pictures; `start` is the first one's place in the data.
    """

    _settings = ("class_names",)

    def __init__(self, class_names: Sequence[str], *, start: int = 0):
        self.class_names = tuple(class_names)
        self._next = start
        self._seen: list[tuple[int, Truth, Found]] = []

    def update(self, truth: Truth, found: Found) -> None:
        """Take in one picture; ValueError where a class has no name."""
        check_classes(self.class_names, truth.classes, found.classes)
        self._seen.append((self._next, truth, found))
        self._next += 1

    def _take_in(self, other: Self) -> None:
        self._seen += other._seen
        self._next = max(self._next, other._next)

    def end_at(self, position: int) -> None:
        """See `Streaming`."""
        self._next = position

    def __getstate__(self) -> dict[str, Any]:
        """Pack the pictures into columns: some 20 bytes a box, where objects of their own would take a kilobyte."""
        positions = np.array([position for position, _, _ in self._seen], np.int64)
        truths, found = [truth for _, truth, _ in self._seen], [found for _, _, found in self._seen]
        columns = [Column.of([getattr(one, name) for one in truths], like) for name, like in _OF_TRUTH.items()]
        columns += [Column.of([getattr(one, name) for one in found], like) for name, like in _OF_FOUND.items()]
        return {**vars(self), "_seen": (narrowed(positions), columns)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        positions, columns = state["_seen"]
        vars(self).update(state)
        parts = list(zip(*(column.arrays() for column in columns)))
        split = len(_OF_TRUTH)
        self._seen = [
            (position, Truth(*part[:split]), Found(*part[split:])) for position, part in zip(positions.tolist(), parts)
        ]

    @property
    def pictures(self) -> list[tuple[Truth, Found]]:
        """All pictures so far, in the order of the data."""
        # Only when asked: merging thousands of parts must not sort all of them each time.
        return [(truth, found) for _, truth, found in sorted(self._seen, key=lambda picture: picture[0])]

    def result(self) -> CocoResult:
        """Give the `CocoResult` of all pictures so far; MetricfitError where no box counts."""
        pictures = self.pictures
        if not any((~truth.ignored).any() for truth, _ in pictures):
            where = f"{len(pictures)} pictures"
            raise MetricfitError(f"average precision needs a box that counts, got none in {where}: check the boxes")
        evaluation = Evaluation(pictures, len(self.class_names))
        with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress line by line
            evaluation.evaluate()
            evaluation.accumulate()
        precision, recall = (np.array(evaluation.eval[name]) for name in ("precision", "recall"))
        for values in (precision, recall):  # [IoU, recall, class, size, 1] and [IoU, class, size, 1]
            values[values == -1] = np.nan
        every = precision[:, :, :, 0, 0]
        sizes = {name: precision[:, :, :, place, 0] for place, name in enumerate(("small", "medium", "large"), start=1)}
        at = {iou: every[_iou_index(iou)] for iou in (0.5, 0.75, 0.9)}
        return CocoResult(
            ap=mean_of_known(every),
            **{f"ap{round(100 * iou)}": mean_of_known(values) for iou, values in at.items()},
            **{f"ap_{size}": mean_of_known(values) for size, values in sizes.items()},
            ar=mean_of_known(recall[:, :, 0, 0]),
            class_names=self.class_names,
            class_ap=mean_of_known(every, axis=(0, 1)),
            class_ap50=mean_of_known(at[0.5], axis=0),
            class_ap75=mean_of_known(at[0.75], axis=0),
            precision=every,
            images=len(pictures),
        )


def to_coco_results(
    image_id: int | str, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray
) -> list[dict[str, Any]]:
    """Give the detections of one picture, as in `Found`, as entries of a COCO results file; the first class is 1."""
    found = Found(boxes, scores, classes)
    return [
        {
            "image_id": image_id,
            "category_id": index + 1,
            "bbox": [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)],
            # Six digits, not places: the scores of ranking losses can all be small.
            "score": float(f"{score:.6g}"),
        }
        for (x0, y0, x1, y1), score, index in zip(found.boxes.tolist(), found.scores.tolist(), found.classes.tolist())
    ]


class Evaluation(COCOeval):
    """COCOeval fed from memory. Its own `_prepare` would overwrite `ignore` with `iscrowd`."""

    def __init__(self, pictures: Sequence[tuple[Truth, Found]], classes: int):
        super().__init__(iouType="bbox")
        self._pictures = pictures
        self.params.imgIds = list(range(len(pictures)))
        self.params.catIds = list(range(classes))
        self.params.maxDets = [MAX_DETECTIONS]
        self.params.iouThrs, self.params.recThrs = IOU_THRESHOLDS, RECALLS

    def _prepare(self) -> None:
        self._gts: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
        self._dts: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
        self.evalImgs: dict[tuple[int, int], list[Any]] = defaultdict(list)
        self.eval: dict[str, Any] = {}
        numbers = itertools.count(1)  # 0 stands for no match
        for image, (truth, found) in enumerate(self._pictures):
            for index, (kind, box) in enumerate(zip(truth.classes, _xywh(truth.boxes))):
                entry = {"id": next(numbers), "bbox": box, "area": truth.areas[index], "crowd": truth.crowd[index]}
                # `iscrowd` lets any number of detections meet the box, as VOC does with difficult ones, too.
                entry["ignore"] = entry["iscrowd"] = int(truth.ignored[index])
                self._gts[image, int(kind)].append(entry)
            columns = (found.classes, _xywh(found.boxes), box_areas(found.boxes), found.scores)
            for kind, box, area, score in zip(*columns):
                self._dts[image, int(kind)].append({"id": next(numbers), "bbox": box, "area": area, "score": score})

    def computeIoU(self, image: int, kind: int) -> Any:
        """Give IoU, with the rule for crowds where there is one, and not for difficult boxes."""
        truth, found = self._gts[image, kind], self._dts[image, kind]
        if not truth or not found:
            return []
        order = np.argsort([-entry["score"] for entry in found], kind="mergesort")[: self.params.maxDets[-1]]
        return boxes_in_c.iou(
            [found[place]["bbox"] for place in order],
            [entry["bbox"] for entry in truth],
            [int(entry["crowd"]) for entry in truth],
        )


def _xywh(boxes: np.ndarray) -> list[list[float]]:
    return np.concatenate([boxes[:, :2], (boxes[:, 2:] - boxes[:, :2]).clip(0)], axis=1).tolist()


def _iou_index(iou: float) -> int:
    near = np.flatnonzero(np.isclose(IOU_THRESHOLDS, iou))
    if not near.size:
        raise ValueError(f"IoU must be one of .5, .55, ... .95, got {iou}")
    return int(near[0])
