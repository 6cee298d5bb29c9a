"""The average precision of any Keras detector after each epoch, for trainings of one's own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ...data.example import Example, Source
from ...data.targets import TARGETS
from ...errors import UsageError
from ...geometry import InputSize
from ...judge.box_report import DetectionReport
from ...judge.boxes import BoxJudge
from ...judge.feeding import found_in, judge_all
from ...metrics.ranking.matching import Found
from .epoch_report import EpochReport


class CocoAPCallback(EpochReport):
    """Logs `val_ap`, `val_ap50`, `val_olrp` and the other figures of boxes after each epoch.

    It must stand before the callbacks that read these logs, such as `keras.callbacks.ModelCheckpoint`.

    Args:
        data: batches (images [B, H, W, 3], {"boxes": [B, n, 4], "classes": [B, n]}) that can be read again each epoch;
            boxes are (x0, y0, x1, y1) in pixels of the images, those of a class below 0 are padding. Or a source with
            boxes: it is judged in pixels of its own pictures.
        class_names: names of the model's classes, by index; by default those of the source, and required with batches.
        find: from (model, images) to boxes float [B, K, 4], scores [B, K] in [0, 1], classes [B, K] and count [B], how
            many of the K are boxes; by default `predict` gives a dict of `boxes`, `confidence`,
            `classes` or `labels`, and `num_detections`, as KerasCV's detectors do.
        size: of the model's input in pixels, a side or (height, width), required with a source.
        resizing: with a source: how a picture becomes the input, "pad" or "stretch".
        batch_size: with a source: pictures that are predicted at once.
    """

    def __init__(
        self,
        data: Iterable[Any] | Source,
        class_names: Sequence[str] = (),
        *,
        find: Callable[[keras.Model, Any], tuple[Any, ...]] | None = None,
        size: InputSize | None = None,
        resizing: str = "pad",
        batch_size: int = 8,
    ):
        super().__init__(self._report, "", {})
        if not class_names and not isinstance(data, Source):
            raise UsageError("class_names must name the model's classes where the data are batches")
        if isinstance(data, Source) and size is None:
            raise UsageError("size must give the model's input where the data are a source")
        self.data, self.find = data, find or found_boxes
        self.class_names, self.size = tuple(class_names), size or 0
        self.resizing, self.batch_size = resizing, batch_size

    def _report(self, model: keras.Model) -> DetectionReport:
        if isinstance(self.data, Source):
            judge = BoxJudge(self.data.class_names, model_classes=self.class_names or None)
            pairs = found_in(
                lambda images: tuple(map(np.asarray, self.find(model, images))), self.data, TARGETS["boxes"],
                size=self.size, resizing=self.resizing, batch_size=self.batch_size, quiet=True,
            )  # fmt: skip
        else:
            judge, pairs = BoxJudge(self.class_names), self._pairs(model, self.data)
        judge_all(pairs, judge)
        return judge.result()

    def _pairs(self, model: keras.Model, data: Iterable[Any]) -> Iterator[tuple[Example, Found]]:
        for images, truth, *_ in data:
            columns = images, truth["boxes"], _classes_of(truth), *self.find(model, images)
            for image, true, kinds, boxes, scores, classes, count in zip(*map(np.asarray, columns)):
                there = kinds >= 0
                example = Example(image, boxes=true[there], classes=kinds[there].astype(np.int32))
                yield example, Found(boxes[:count], scores[:count], classes[:count])


def found_boxes(model: keras.Model, images: Any) -> tuple[Any, ...]:
    """Give boxes, scores, classes and counts from the dict that a detector like those of KerasCV predicts."""
    found = model.predict(images, batch_size=len(images), verbose=0)
    return found["boxes"], found["confidence"], _classes_of(found), np.reshape(found["num_detections"], -1)


def _classes_of(boxes: dict[str, Any]) -> Any:
    return boxes["classes"] if "classes" in boxes else boxes["labels"]
