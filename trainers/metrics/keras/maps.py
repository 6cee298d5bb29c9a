"""What the Keras metrics of saliency maps share: how they take batches in, and 256 bins an image."""

import math
from typing import Any, ClassVar, TypedDict, Unpack

import keras
import tensorflow as tf

from ....losses.ranges import read_bytes, refuse_masks, refuse_scores
from ...geometry import IGNORE
from ..f_measure import PROTOCOLS
from ..histogram import BIN_SCALE, THRESHOLDS
from .targets import TargetMetric

Figures = list[tuple[Any, tf.Tensor]]  # what images [B] add to which variable of a metric


class MapOptions(TypedDict, total=False):
    """What every metric of saliency maps takes by keyword, see `FMeasure`."""

    from_logits: bool
    ignore_label: int | None
    name: str | None
    dtype: str


class MapMetric(TargetMetric):
    """A metric of saliency maps that averages over images with pixels that count; arguments as in `FMeasure`."""

    key: ClassVar[str]  # its name in the logs by default
    arguments: ClassVar[tuple[str, ...]] = ()  # those of a subclass

    def __init__(
        self,
        protocol: str = "raw",
        *,
        from_logits: bool = False,
        ignore_label: int | None = IGNORE,
        name: str | None = None,
        dtype: str = "float32",
    ):
        if protocol not in PROTOCOLS:
            raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
        super().__init__(name=name or self.key, dtype=dtype)
        self.protocol, self.from_logits, self.ignore_label = protocol, from_logits, ignore_label

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: [B, H, W] or [B, H, W, 1], number type: 0 background, 1 salient, `ignore_label`. Bytes that hold
                0 and 255 alone are read as 0 and 1, where `ignore_label` is not 255.
            y_pred: same shape, floating point: probabilities in [0, 1], or logits with `from_logits=True`. One that is
                NaN makes every figure NaN.
            sample_weight: weights of the images, [B]; None for equal weights.

        Raises:
            ValueError: shapes that do not fit together, or a value outside of these; in a graph
                `tf.errors.InvalidArgumentError`, and under XLA the result is NaN, or refused at the end of the epoch.
        """
        y_true, y_pred = as_maps(y_true, "y_true"), as_maps(y_pred, "y_pred")
        if not y_true.shape.is_compatible_with(y_pred.shape):
            raise ValueError(f"y_true and y_pred must share one shape [B, H, W], got {y_true.shape} and {y_pred.shape}")
        y_true = tf.cast(read_bytes(y_true, self.ignore_label), tf.float32)
        saliency = tf.cast(y_pred, tf.float32)
        valid = tf.ones_like(y_true, tf.bool) if self.ignore_label is None else y_true != float(self.ignore_label)
        sound = refuse_masks(tf.where(valid, y_true, 0), saliency.dtype, soft=True)
        if self.from_logits:
            saliency = tf.sigmoid(saliency)
        else:
            sound *= refuse_scores(tf.where(valid, saliency, 0), saliency.dtype)
        # compared with a threshold, what is no number would pass for background
        nan = valid & tf.math.is_nan(saliency)
        saliency = tf.where(nan, 0.0, saliency)
        if self.protocol == "published":
            low = tf.reduce_min(saliency, axis=(1, 2), keepdims=True)
            width = tf.reduce_max(saliency, axis=(1, 2), keepdims=True) - low
            saliency = tf.where(width > 0, (saliency - low) / tf.where(width > 0, width, 1), saliency)
        counted = tf.cast(tf.reduce_any(valid, axis=(1, 2)), self.dtype)
        weight = counted * image_weights(sample_weight, tf.shape(saliency)[0], self.dtype) * tf.cast(sound, self.dtype)
        unknown = tf.reduce_any(nan, axis=(1, 2)) & (weight > 0)
        blank = tf.where(tf.reduce_any(unknown), tf.constant(math.nan, self.dtype), 0)
        for variable, values in self._figures(saliency, valid & (y_true > 0.5), valid):
            total = tf.tensordot(weight, tf.cast(values, self.dtype), axes=1)
            variable.assign(variable + total + blank)
        self._count(y_true, valid, weight)

    def _figures(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> Figures:
        """Measure maps [B, H, W]: float32 in [0, 1], which pixels are salient (bool), and which count (bool)."""
        raise NotImplementedError

    def _mean(self, variable: keras.Variable) -> tf.Tensor:
        """Average what was added up; 0 before the first image."""
        self._look_back()
        return variable / tf.maximum(tf.convert_to_tensor(self.images), 1e-12)

    def _histograms(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Count the background and the salient pixels at or above each of the 256 thresholds: float32 [B, 256] each."""
        batch = tf.shape(saliency)[0]
        if self.protocol == "published":
            codes = tf.clip_by_value(tf.cast(saliency * 255, tf.int32), 0, 255)
        else:
            # NaN and values out of range stay inside of the table; the latter count as 0 or 1.
            codes = tf.clip_by_value(tf.cast(saliency * BIN_SCALE, tf.int32), 0, 255)
            codes -= tf.cast(saliency < tf.gather(THRESHOLDS, codes), tf.int32)
            codes = tf.maximum(codes, 0)
        labels = tf.where(valid, tf.where(positive, 1, 0), 2)
        segments = codes + 256 * (labels + 3 * tf.range(batch)[:, None, None])
        # float32 counts are exact up to 2**24 pixels, and have a kernel on every device (int32 has not).
        ones = tf.ones_like(saliency)
        counts = tf.math.unsorted_segment_sum(ones, segments, num_segments=batch * 768, name="histograms")
        counts = tf.cumsum(tf.reshape(counts, (batch, 3, 256)), axis=2, reverse=True)
        return counts[:, 0], counts[:, 1]

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal metric."""
        names = ("protocol", "from_logits", *self.arguments)
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class ImageMean(MapMetric):
    """A metric that is the mean over the images of one score each."""

    def __init__(self, protocol: str = "raw", **options: Unpack[MapOptions]):
        super().__init__(protocol, **options)
        self.score_sum = self.add_variable((), "zeros", name="score_sum")

    def _figures(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> Figures:
        return [(self.score_sum, self._scores(saliency, positive, valid))]

    def _scores(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        """Score maps [B, H, W]: float [B]."""
        raise NotImplementedError

    def result(self) -> tf.Tensor:
        """Give the mean; 0 before the first image."""
        return self._mean(self.score_sum)


def as_maps(values: Any, name: str) -> tf.Tensor:
    """Give [B, H, W], without the last axis of [B, H, W, 1]."""
    values = tf.convert_to_tensor(values)
    if values.shape.rank == 4 and values.shape[-1] == 1:
        values = tf.squeeze(values, axis=-1)
    if values.shape.rank != 3:
        raise ValueError(f"{name} must have shape [B, H, W] or [B, H, W, 1], got {values.shape}")
    return values


def image_weights(sample_weight: Any, batch: tf.Tensor, dtype: str) -> tf.Tensor:
    """Give weights [B]."""
    if sample_weight is None:
        return tf.ones((batch,), dtype)
    weights = tf.cast(sample_weight, dtype)
    if weights.shape.rank is not None and weights.shape.rank > 1 and weights.shape[1:].num_elements() == 1:
        weights = tf.reshape(weights, (batch,))
    if weights.shape.rank not in (None, 0, 1):
        raise ValueError(f"sample_weight must hold one weight an image, [B], got {weights.shape}")
    return tf.broadcast_to(weights, (batch,))


def masked_sum(values: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """Add up maps [B, H, W] over some of the pixels, in float64: [B]."""
    return tf.reduce_sum(tf.where(where, tf.cast(values, tf.float64), 0), axis=(1, 2))


def count(where: tf.Tensor) -> tf.Tensor:
    """Count the pixels of maps [B, H, W]: float64 [B]."""
    return tf.reduce_sum(tf.cast(where, tf.float64), axis=(1, 2))
