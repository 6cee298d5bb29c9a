"""The report of an epoch from what Keras' own validation measured: nothing is predicted twice."""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from ...errors import MetricfitError
from ...figures.panels import Picture
from ...judge.maps import SaliencyReport
from ...metrics.keras.f_measure import FMeasure


class MetricReport:
    """Reports the `FMeasure` that a saliency model was compiled with, and maps of a few fixed pictures.

    It is for an `EpochReport` with `add_logs=False`. Images are uint8 [N, S, S, 3], RGB, as the model takes them; masks
    integer [N, S, S] with 0, 1 and 255 (ignore).
    """

    def __init__(
        self,
        images: Sequence[np.ndarray] = (),
        masks: Sequence[np.ndarray] = (),
        names: Sequence[str] = (),
        *,
        batch_size: int = 8,
    ):
        self.images, self.masks = np.asarray(images), np.asarray(masks)
        self.names, self.batch_size = names or [""] * len(self.images), batch_size

    def __call__(self, model: keras.Model) -> SaliencyReport:
        """Give the report; raises `MetricfitError` where the model has no `FMeasure` among its metrics."""
        pictures = list(map(Picture, self.images, self.masks, self.predict(model), self.names))
        metric = find_metric(model)
        error = metric.max_f_error()
        errors = {} if math.isnan(error) else {"max_f": error}
        return SaliencyReport({"curves": metric.to_result()}, pictures=pictures, label="validation", errors=errors)

    def predict(self, model: keras.Model) -> np.ndarray:
        """Give the model's saliency of the pictures, float32 [N, S, S] in [0, 1]."""
        starts = range(0, len(self.images), self.batch_size)
        # Called directly: `predict` would trace a function of its own.
        logits = [model(self.images[start : start + self.batch_size], training=False) for start in starts]
        if not logits:
            return np.zeros((0, 0, 0), np.float32)
        saliency: np.ndarray = tf.sigmoid(tf.cast(tf.concat(logits, axis=0), tf.float32)).numpy()
        return saliency.reshape(saliency.shape[:3])


def find_metric(model: keras.Model) -> FMeasure:
    """Give the first `FMeasure` among the metrics of a compiled model."""
    waiting = list(model.metrics)
    while waiting:
        metric = waiting.pop(0)
        if isinstance(metric, FMeasure):
            return metric
        # Keras keeps the metrics of compile() inside of one container metric.
        waiting.extend(getattr(metric, "metrics", []))
    raise MetricfitError("threshold curves need the metric FMeasure, the model has none: compile it with FMeasure()")
