"""What is particular to detection in predict and demo: boxes in the picture's own pixels, drawn and written."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...trainers.colours import class_colours
from ...trainers.data.fit import fit_scale, unfit_boxes
from ...trainers.errors import UsageError
from ...trainers.files import write_text
from ...trainers.geometry import box_areas
from ...trainers.metrics import to_coco_results
from ..show.overlay_boxes import TITLES, VIEWS, Detections, draw_boxes
from ..show.pictures import write_picture
from ..show.threshold import Threshold
from .base import AppTask

FOLDERS = {"overlay": "overlays"}
DETECTIONS = "detections.json"
_STEP = 4.0  # logits for a threshold's step of 1: near 0.5 the keys then do what they do for saliency


def _check(found, runner) -> None:
    boxes, scores, classes, _ = found
    fits = np.ndim(scores) == 1 and np.shape(boxes) == (len(scores), 4) and np.shape(classes) == np.shape(scores)
    if not fits:
        raise UsageError(
            f"expected a detection model, with boxes [K, 4], scores [K] and classes [K] for each picture; "
            f"{runner.path} gives {np.shape(boxes)}, {np.shape(scores)} and {np.shape(classes)}: "
            "give one trained with 'metricfit train detection'"
        )
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()):
        raise UsageError(
            f"expected a detection model with finite boxes and scores from 0 to 1, {runner.path} gives others: export "
            "it with 'metricfit export', or give another model"
        )


def _restore(found, runner, size: tuple[int, int]) -> Detections:
    """Bring what a runner gives for one picture into the picture's own pixels."""
    boxes, scores, classes, count = (np.asarray(part) for part in found)
    boxes, scores, classes = boxes[: int(count)], scores[: int(count)], classes[: int(count)]
    boxes = unfit_boxes(boxes, fit_scale(size, runner.size, runner.resizing), size)
    # What lies in the padding alone is in no picture.
    inside = box_areas(boxes) > 0
    known = len(runner.class_names)
    colours = runner.palette or class_colours(max(known, 1 + int(classes.max(initial=0)))).tolist()
    return Detections(
        boxes[inside],
        scores[inside],
        classes[inside],
        class_names=tuple(runner.class_names),
        colours=tuple(tuple(map(int, colour)) for colour in colours),
    )


def _resize(found: Detections, size: tuple[int, int], wanted: tuple[int, int]) -> Detections:
    scale = wanted[1] / size[1], wanted[0] / size[0]
    return replace(found, boxes=(found.boxes * [*scale, *scale]).astype(np.float32))


def _moved(value: float, step: float) -> float:
    """Move a threshold in logits: scores of ranking losses may all be small, and classes keep their distance."""
    logit = math.log(max(value, 1e-6) / max(1 - value, 1e-6)) + _STEP * step
    return min(max(1 / (1 + math.exp(-logit)), 1e-3), 1 - 1e-3)


def _move(threshold: Threshold, step: float) -> Threshold:
    per_class = tuple(_moved(value, step) for value in threshold.per_class)
    return replace(threshold, value=_moved(threshold.value, step), per_class=per_class, origin="keys")


def _found(found: Detections, levels) -> str:
    count = len(found.above(levels))
    return f"{count} object{'' if count == 1 else 's'}"


class BoxWriter:
    """Draws each picture, and lists the boxes of all in COCO's format; see `task.Writer`."""

    def __init__(self, predictor, threshold: Threshold, out: Path):
        self.threshold, self.out = threshold, out
        self.class_names = tuple(predictor.runner.class_names)
        self.images: list[dict] = []
        self.annotations: list[dict] = []

    def settings(self) -> dict:
        """Give what results.json says about the thresholds."""
        per_class = dict(zip(self.class_names, self.threshold.per_class))
        return {"threshold": self.threshold.value, **({"thresholds": per_class} if per_class else {})}

    def add(self, name: str, image: np.ndarray, found: Detections, stem: str) -> dict:
        """Write the drawn picture; gives what results.json says about it: the boxes above the thresholds."""
        levels = self.threshold.levels
        path = write_picture(self.out / FOLDERS["overlay"] / f"{stem}.jpg", draw_boxes(image, found, levels))
        height, width = image.shape[:2]
        number = len(self.images) + 1
        self.images.append({"id": number, "file_name": name, "width": width, "height": height})
        self.annotations += to_coco_results(number, found.boxes, found.scores, found.classes)
        shown = found.above(levels)
        return {
            "objects": [
                {
                    "class": shown.name(index),
                    "score": float(f"{score:.6g}"),
                    "box": [round(side, 2) for side in box],
                }
                for box, score, index in zip(shown.boxes.tolist(), shown.scores.tolist(), shown.classes.tolist())
            ],
            "files": {"overlay": path.relative_to(self.out).as_posix()},
        }

    def finish(self) -> list[Path]:
        """Write detections.json: every box found, below the thresholds too, as COCO's tools read it."""
        present = max((entry["category_id"] for entry in self.annotations), default=0)
        names = [*self.class_names, *(f"class {index}" for index in range(len(self.class_names), present))]
        for number, entry in enumerate(self.annotations, 1):
            width, height = entry["bbox"][2:]
            entry |= {"id": number, "area": round(width * height, 2), "iscrowd": 0}
        categories = [{"id": index + 1, "name": name} for index, name in enumerate(names)]
        parts = {"images": self.images, "categories": categories, "annotations": self.annotations}
        # An entry a line: a hundred boxes a picture make long files.
        lists = (f'"{name}": [\n{_lines(entries)}\n]' for name, entries in parts.items())
        return [write_text(self.out / DETECTIONS, "{\n" + ",\n".join(lists) + "\n}\n")]


def _lines(entries: list[dict]) -> str:
    return ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)


TASK = AppTask(
    name="detection",
    check=_check,
    restore=_restore,
    resize=_resize,
    digits=3,
    move=_move,
    found=_found,
    views=VIEWS,
    titles=TITLES,
    snapshots={},
    folders=FOLDERS,
    writer=BoxWriter,
)
