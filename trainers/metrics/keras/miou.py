"""Mean intersection over union of class maps as a Keras metric; `Jaccard` is its twin in NumPy."""

from typing import Any

import keras
import tensorflow as tf

from ....losses.ranges import refuse_numbers, refuse_outside
from ....losses.replicas import Replicas
from ...geometry import IGNORE
from .maps import as_maps, image_weights
from .targets import TargetMetric

MEANS = ("dataset", "batch", "image")


@keras.saving.register_keras_serializable(package="metricfit")
class MIoU(TargetMetric):
    """The mean over the classes of intersection over union; ignored pixels, and images of nothing else, do not count.

    Args:
        num_classes: number of classes.
        over: of what the classes' indices are taken: "dataset" of all pixels together (what benchmarks report),
            "batch" or "image" of those of each, then averaged. Under `tf.distribute` a batch is that of all replicas.
        present: whether to average over the classes that the data set's, batch's or image's labels have; else over
            all, and one that is neither there nor predicted counts as 1.
        ignore_label: the label of pixels that do not count, or None.
        name: by default that of the figure, such as `dataset_miou_present`.
        dtype: of the result and of the sums over images; pixels are counted in float64.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self,
        num_classes: int,
        over: str = "dataset",
        *,
        present: bool = True,
        ignore_label: int | None = IGNORE,
        name: str | None = None,
        dtype: str = "float32",
    ):
        if num_classes < 1 or over not in MEANS:
            raise ValueError(f"expected classes, and over one of {', '.join(MEANS)}, got {num_classes} and {over!r}")
        super().__init__(name=name or f"{over}_miou{'_present' if present else ''}", dtype=dtype)
        self.num_classes, self.over, self.present, self.ignore_label = num_classes, over, present, ignore_label
        if over == "dataset":
            self.confusion = self.add_variable((num_classes,) * 2, "zeros", dtype="float64", name="confusion")
        else:
            self.iou_sum = self.add_variable((), "zeros", name="iou_sum")
            self.parts = self.add_variable((), "zeros", name="parts")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: [B, H, W] or [B, H, W, 1], number type: 0..num_classes - 1 or `ignore_label`.
            y_pred: [B, H, W, num_classes], logits or probabilities; or class numbers of the shape of y_true.
            sample_weight: weights of the images, [B]; None for equal weights.

        Raises:
            ValueError: shapes that do not fit together, or a value outside of these; in a graph
                `tf.errors.InvalidArgumentError`, and under XLA the result is NaN, or refused at the end of the epoch.
        """
        y_true, y_pred = as_maps(y_true, "y_true"), tf.convert_to_tensor(y_pred)
        if y_pred.shape.rank == 4 and y_pred.shape[-1] == self.num_classes and self.num_classes > 1:
            y_pred = tf.argmax(y_pred, axis=-1, output_type=tf.int32)
        y_pred = as_maps(y_pred, "y_pred")
        if not y_true.shape.is_compatible_with(y_pred.shape):
            raise ValueError(f"y_true and y_pred must share one shape [B, H, W], got {y_true.shape} and {y_pred.shape}")
        valid = tf.ones_like(y_true, tf.bool) if self.ignore_label is None else y_true != self.ignore_label
        sound = self._refuse(y_true, y_pred, valid)
        batch = tf.shape(y_true)[0]
        y_true, y_pred = tf.cast(y_true, tf.int32), tf.cast(y_pred, tf.int32)
        confusion = self._confusion(y_true, y_pred, valid, batch)
        weights = image_weights(sample_weight, batch, "float64") * sound
        self._count(y_true, valid, weights)
        if self.over == "image":
            counted = tf.reduce_any(confusion > 0, axis=(1, 2))
            self._average(tf.where(counted, weights, 0 * weights), confusion)
            return
        confusion = tf.tensordot(weights, confusion, axes=1)
        if self.over == "dataset":
            self.confusion.assign(self.confusion + confusion)
        else:
            # all replicas have the figure of their batches together, which the sum of their states counts once
            replicas = Replicas()
            confusion = replicas.sum(confusion)
            there = tf.cast(tf.reduce_any(confusion > 0), tf.float64)
            self._average(sound * there[None] / replicas.running, confusion[None])

    def _refuse(self, y_true: tf.Tensor, y_pred: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        """Give 1, or NaN where a number is no class; see `refuse_outside`."""
        sound = refuse_numbers(tf.where(valid, y_true, 0), self.num_classes, tf.float64)
        sentence = (
            f"y_pred must have {self.num_classes} channels, or hold the whole numbers of {self.num_classes} classes, "
            f"0 to {self.num_classes - 1}: cut probabilities of one class at a threshold"
        )
        predicted, last = tf.where(valid, y_pred, 0), self.num_classes - 1
        return sound * refuse_outside(predicted, 0, last, sentence, whole=True, dtype=tf.float64)

    def _confusion(self, y_true: tf.Tensor, y_pred: tf.Tensor, valid: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        """Count pixels by image, true and predicted class: float64 [B, C, C]."""
        size = self.num_classes**2
        # what was refused stays inside of the table, too
        valid &= (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        segments = tf.where(valid, y_true * self.num_classes + y_pred, size)
        segments += (size + 1) * tf.range(batch)[:, None, None]
        ones = tf.ones_like(segments, tf.float32)
        counts = tf.math.unsorted_segment_sum(ones, segments, num_segments=batch * (size + 1))
        counts = tf.reshape(counts, (batch, size + 1))[:, :size]
        return tf.cast(tf.reshape(counts, (batch, self.num_classes, self.num_classes)), tf.float64)

    def _average(self, weights: tf.Tensor, confusion: tf.Tensor) -> None:
        """Add the mean IoU of confusion matrices [N, C, C]."""
        total = tf.reduce_sum(weights * self._mean_iou(confusion))
        self.iou_sum.assign(self.iou_sum + tf.cast(total, self.dtype))
        self.parts.assign(self.parts + tf.cast(tf.reduce_sum(weights), self.dtype))

    def _mean_iou(self, confusion: tf.Tensor) -> tf.Tensor:
        """From [..., C, C] to [...], float64 (eq. 3 and 14 of the Lovász-Softmax paper)."""
        both = tf.linalg.diag_part(confusion)
        true = tf.reduce_sum(confusion, axis=-1)
        union = true + tf.reduce_sum(confusion, axis=-2) - both
        iou = tf.where(union > 0, tf.math.divide_no_nan(both, union), 1)
        there = tf.cast(true > 0, tf.float64) if self.present else tf.ones_like(true)
        return tf.math.divide_no_nan(tf.reduce_sum(iou * there, axis=-1), tf.reduce_sum(there, axis=-1))

    def result(self) -> tf.Tensor:
        """Give the mean; 0 before the first image."""
        self._look_back()
        if self.over != "dataset":
            return tf.math.divide_no_nan(tf.convert_to_tensor(self.iou_sum), tf.convert_to_tensor(self.parts))
        confusion = tf.convert_to_tensor(self.confusion)
        iou = tf.where(tf.reduce_any(confusion > 0), self._mean_iou(confusion), 0)
        return tf.cast(iou, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal metric."""
        names = ("num_classes", "over", "present")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
