"""Detection in predict and demo: boxes in the picture's own pixels, thresholds by class."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...export.runners.base import Runner
from ...trainers.colours import class_colours
from ...trainers.errors import UsageError
from ...trainers.files import written_beside
from ...trainers.geometry import box_areas
from ...trainers.judge.box_report import DetectionReport
from ...trainers.judge.merging import merged_boxes
from ...trainers.judge.tiles import Tiling
from ...trainers.judge.views import Views
from ...trainers.metrics import to_coco_results
from ...trainers.metrics.catalogue import metrics_of
from ...trainers.models.detector.suppression import USUAL
from ...trainers.text import json_text
from ..reports import table
from ..results import Detections, Result
from ..show.confusion import confusion_tables
from ..show.threshold import Threshold
from .base import AppTask, Files, Writer, colours

if TYPE_CHECKING:
    from ..bench.detection import DetectionBench
    from ..compare.detection import DetectionPresentation

DETECTIONS = "detections.json"
_AP = ("ap", "ap50", "ap75", "ap90")
_OLRP = ("olrp", "olrp_localization", "olrp_false_positives", "olrp_false_negatives")
_F1 = ("f1", "f1_threshold", "band_low", "band_high")
_LRP = ("lrp", "lrp_threshold", "lrp_band_low", "lrp_band_high")
_CARRIED = ("f1", "transferred", "f_half")
_STEP = 4.0  # logits for a threshold's step of 1: near 0.5 the keys then do what they do for saliency


@dataclass
class BoxWriter(Writer):
    """Overlays, and the boxes of all pictures in COCO's format."""

    def settings(self) -> dict[str, Any]:
        """As for others, and the thresholds by class."""
        per_class = dict(zip(self.class_names, self.threshold.per_class))
        return {**super().settings(), **({"thresholds": per_class} if per_class else {})}

    def kept(self, result: Result) -> list[dict[str, Any]]:
        """Every box found, below the thresholds too, as COCO's results have it, but for the picture's id."""
        assert isinstance(result, Detections)
        boxes = to_coco_results(0, result.boxes, result.scores, result.classes)
        return [{name: value for name, value in box.items() if name != "image_id"} for box in boxes]

    def finish(self, done: Callable[[], Iterator[tuple[dict[str, Any], Any]]]) -> list[Path]:
        """Write detections.json: the boxes of all pictures, as COCO's tools read them."""
        present = max((box["category_id"] for _, boxes in done() for box in boxes), default=0)
        names = [*self.class_names, *(f"class {index}" for index in range(len(self.class_names), present))]
        categories = self._categories(names)
        parts: dict[str, Iterator[dict[str, Any]]] = {
            "images": (
                {"id": number, "file_name": entry["name"], "width": entry["width"], "height": entry["height"]}
                for number, entry, _ in self._numbered(done())
            ),
            "categories": ({"id": id_, "name": name} for name, id_ in categories.items()),
            "annotations": self._annotations(done(), [categories[name] for name in names]),
        }
        path = self.out / DETECTIONS
        with written_beside(path) as beside, beside.open("w", encoding="utf-8") as file:
            # An entry a line: a hundred boxes a picture make long files.
            for place, (name, entries) in enumerate(parts.items()):
                file.write((",\n" if place else "{\n") + f'"{name}": [\n')
                file.writelines(",\n" * (count > 0) + json_text(entry) for count, entry in enumerate(entries))
                file.write("\n]")
            file.write("\n}\n")
        return [path]

    def _numbered(self, done: Iterator[tuple[dict[str, Any], Any]]) -> Iterator[tuple[Any, dict[str, Any], Any]]:
        """Give the id of each picture as well: the data's own, or else counted from 1."""
        for number, (entry, boxes) in enumerate(done, 1):
            yield (self.ids.pictures[entry["name"]] if self.ids else number), entry, boxes

    def _annotations(
        self, done: Iterator[tuple[dict[str, Any], Any]], kinds: Sequence[int | str]
    ) -> Iterator[dict[str, Any]]:
        boxes = ((number, box) for number, _, boxes in self._numbered(done) for box in boxes)
        for count, (number, box) in enumerate(boxes, 1):
            width, height = box["bbox"][2:]
            told = {**box, "category_id": kinds[box["category_id"] - 1], "id": count}
            yield {"image_id": number, **told, "area": round(width * height, 2), "iscrowd": 0}

    def _categories(self, names: Sequence[str]) -> dict[str, int | str]:
        """Give the id of each class: the data's own, with others behind those, or else counted from 1."""
        categories = dict(self.ids.classes) if self.ids else {}
        largest = max((id_ for id_ in categories.values() if isinstance(id_, int)), default=0)
        new = [name for name in names if name not in categories]
        return categories | {name: largest + place for place, name in enumerate(new, start=1)}


class DetectionApp(AppTask):
    """Boxes, classes and scores."""

    name, target = "detection", "boxes"
    result, writer = Detections, BoxWriter
    files: ClassVar[Files] = {"overlay": ("overlays/{}.jpg", "boxes")}
    tiled, digits = True, 3
    columns = (*_AP, "olrp", *_F1)
    class_columns = ("pictures", "objects", "ap", "ap_low", "ap_high", *_AP[1:3], *_OLRP, "threshold")
    calibration = ("detection_ece", "laece_0", "laace_0")

    def check(self, found: tuple[np.ndarray, ...], runner: Runner) -> None:
        """Expect boxes [K, 4], scores [K] within [0, 1] and classes [K]."""
        boxes, scores, classes, _ = found
        count = np.shape(scores)
        if not (len(count) == 1 and np.shape(boxes) == (*count, 4) and np.shape(classes) == count):
            raise UsageError(
                f"expected a detection model, with boxes [K, 4], scores [K] and classes [K] for each picture; "
                f"{runner.path} gives {np.shape(boxes)}, {np.shape(scores)} and {np.shape(classes)}: "
                "give one trained with 'metricfit train detection'"
            )
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()):
            raise UsageError(
                f"expected a detection model with finite boxes and scores from 0 to 1, {runner.path} gives others: "
                "export it with 'metricfit export', or give another model"
            )

    def tables(self, label: str, report: DetectionReport) -> str:
        """Lay out AP, oLRP and threshold, calibration, the classes, and the bounds where they were measured."""
        intervals = ("ap_low", "ap_high") if report.interval_scalars else ()
        columns = ("ap", *intervals, *_AP[1:], "ap_small", "ap_medium", "ap_large", "ar", "rho")
        scalars = {**report.scalars, **report.interval_scalars}
        figures = columns, (*_OLRP, *_F1), self.calibration
        laid = [table([(label, scalars)], metrics_of(*keys)) for keys in figures]
        laid.append(table(report.class_scalars.items(), metrics_of(*self._class_columns(report))))
        if report.confusion:
            laid += confusion_tables(report.confusion)
        if before := report.uncalibrated:
            rows = [("calibrated", report.scalars), ("the network's own scores", before.scalars)]
            laid += [table(rows, metrics_of(*keys)) for keys in (self.calibration, _F1, _LRP, _CARRIED)]
            classes = _before_and_after(report.class_scalars, before.class_scalars)
            laid.append(table(classes, metrics_of("threshold", "laece_0", "laace_0")))
        if report.bounds:
            rows = [
                ("as scored", report.scalars),
                ("scored against IoU", {**report.bounds.lower, "rho": -1.0}),
                ("scored by IoU", {**report.bounds.upper, "rho": 1.0}),
            ]
            laid.append(table(rows, metrics_of("rho", *_AP)))
        return "\n\n".join(laid)

    def _class_columns(self, report: DetectionReport) -> tuple[str, ...]:
        """Leave out what was not asked for: a column of dashes says that it could not be found."""
        absent = () if report.intervals else ("pictures", "ap_low", "ap_high")
        return tuple(column for column in self.class_columns if column not in absent)

    def presentation(self) -> "DetectionPresentation":
        """Give the task's part of a comparison's report."""
        from ..compare.detection import DetectionPresentation

        return DetectionPresentation()

    def bench(self) -> "DetectionBench":
        """Give the task's benchmarks."""
        from ..bench.detection import DetectionBench

        return DetectionBench()

    def in_tiles(
        self, runner: Runner, tiling: Tiling, shown: np.ndarray, threshold: Threshold, image: np.ndarray, **about: Any
    ) -> Detections:
        """As `AppTask.in_tiles`: the boxes of all views are brought together."""
        own, views = (image.shape[0], image.shape[1]), Views(tiling=tiling)
        (found,) = merged_boxes(
            runner, [shown], runner.size, runner.resizing, views, runner.suppression or USUAL, sizes=[own]
        )
        return self._result(found, runner, image=image, threshold=threshold, **about)

    def _result(self, found: tuple[np.ndarray, ...], runner: Runner, **about: Any) -> Detections:
        boxes, scores, classes = found
        known = max(len(runner.class_names), 1 + int(classes.max(initial=0)))
        names, palette = tuple(runner.class_names), colours(runner.palette or class_colours(known))
        # What lies in the padding alone is in no picture.
        inside = box_areas(boxes) > 0
        return Detections(boxes[inside], scores[inside], classes[inside], names, palette, **about)

    def move(self, threshold: Threshold, step: float) -> Threshold:
        """Move the thresholds of all classes."""
        per_class = tuple(_moved(value, step) for value in threshold.per_class)
        return replace(threshold, value=_moved(threshold.value, step), per_class=per_class, origin="keys")


def _before_and_after(
    after: Mapping[str, Mapping[str, float]], before: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[str, Mapping[str, float]]]:
    for name, values in after.items():
        yield name, values
        yield f"{name}, network's own", before[name]


def _moved(value: float, step: float) -> float:
    """Move a threshold in logits: scores of ranking losses may all be small, and classes keep their distance."""
    logit = math.log(max(value, 1e-6) / max(1 - value, 1e-6)) + _STEP * step
    return min(max(1 / (1 + math.exp(-logit)), 1e-3), 1 - 1e-3)
