"""The F-measure over 256 thresholds as a Keras metric: fixed shapes, one histogram pass, no loop over thresholds."""

import keras
import tensorflow as tf

from .f_measure import UNDECIDED, FMeasureResult, check_options
from .histogram import BIN_SCALE, THRESHOLDS, f_measure
from .threshold_band import BAND_SHARE


@keras.saving.register_keras_serializable(package="metricfit")
class FMeasure(keras.metrics.Metric):
    """MaxF, MeanF, MAE and threshold stability of batches; `FMeasureCurve` is its twin in NumPy.

    `result()` is a dict of scalars, which Keras logs as `max_f`, `mean_f`, `mae`, `optimal_threshold`,
    `mean_to_max`, `band_width` and `polarisation` (`val_max_f`, ... in validation). The state holds sums over
    images only, so that replicas add up under `tf.distribute`. XLA compiles it.

    Args:
        beta2: weight of precision against recall, beta squared.
        average: "curves" (precision and recall averaged over images, then F) or "images" (F per image, averaged).
        protocol: "raw", or "published" (each map stretched to [0, 1] and truncated to 8 bits).
        from_logits: whether `y_pred` holds logits instead of probabilities in [0, 1].
        ignore_label: the label of pixels that do not count, or None.
        name: name of the metric.
        dtype: dtype of the sums; a half precision would not hold them.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self,
        beta2=0.3,
        average="curves",
        protocol="raw",
        *,
        from_logits=False,
        ignore_label=255,
        name="f_measure",
        dtype="float32",
    ):
        super().__init__(name=name, dtype=dtype)
        check_options(beta2, average, protocol)
        self.beta2, self.average, self.protocol = beta2, average, protocol
        self.from_logits, self.ignore_label = from_logits, ignore_label
        self.precision_sum = self.add_variable((256,), "zeros", name="precision_sum")
        self.recall_sum = self.add_variable((256,), "zeros", name="recall_sum")
        self.f_sum = self.add_variable((256,), "zeros", name="f_sum")
        self.error_sum = self.add_variable((), "zeros", name="error_sum")
        self.polarised_sum = self.add_variable((), "zeros", name="polarised_sum")
        self.images = self.add_variable((), "zeros", name="images")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch.

        Args:
            y_true: [B, H, W] or [B, H, W, 1], number type: 0 background, 1 salient, `ignore_label`.
            y_pred: same shape, floating point: probabilities in [0, 1], or logits with `from_logits=True`.
            sample_weight: weights of the images, [B]; None for equal weights.

        Raises:
            ValueError: shapes that do not fit together.
        """
        y_true, y_pred = _as_maps(y_true, "y_true"), _as_maps(y_pred, "y_pred")
        if not y_true.shape.is_compatible_with(y_pred.shape):
            raise ValueError(f"y_true and y_pred must share one shape [B, H, W], got {y_true.shape} and {y_pred.shape}")
        shape = tf.shape(y_pred)
        batch, size = shape[0], shape[1] * shape[2]
        y_true = tf.cast(tf.reshape(y_true, (batch, size)), tf.float32)
        saliency = tf.cast(tf.reshape(y_pred, (batch, size)), tf.float32)
        if self.from_logits:
            saliency = tf.sigmoid(saliency)
        if self.protocol == "published":
            saliency, codes = _published(saliency)
        else:
            # NaN and values out of range stay inside of the table; the latter count as 0 or 1.
            codes = tf.clip_by_value(tf.cast(saliency * BIN_SCALE, tf.int32), 0, 255)
            codes -= tf.cast(saliency < tf.gather(THRESHOLDS, codes), tf.int32)
            codes = tf.maximum(codes, 0)

        positive = y_true > 0.5
        valid = tf.ones_like(positive) if self.ignore_label is None else y_true != float(self.ignore_label)
        labels = tf.where(valid, tf.where(positive, 1, 0), 2)
        segments = codes + 256 * (labels + 3 * tf.range(batch)[:, None])
        # float32 counts are exact up to 2**24 pixels, and have a kernel on every device (int32 has not).
        counts = tf.math.unsorted_segment_sum(
            tf.ones_like(saliency), segments, num_segments=batch * 768, name="histograms"
        )
        counts = tf.reshape(counts, (batch, 3, 256))
        true_positives = tf.cumsum(counts[:, 1], axis=1, reverse=True)
        predicted = true_positives + tf.cumsum(counts[:, 0], axis=1, reverse=True)
        precision = true_positives / tf.maximum(predicted, 1.0)
        recall = true_positives / tf.maximum(true_positives[:, :1], 1.0)
        f = _f(precision, recall, self.beta2)

        pixels = tf.cast(valid, tf.float32)
        total = tf.reduce_sum(pixels, axis=1)
        share = pixels / tf.maximum(total, 1.0)[:, None]
        target = tf.cast(positive, tf.float32)
        decided = (saliency < UNDECIDED[0]) | (saliency > UNDECIDED[1])
        error = tf.reduce_sum(tf.where(valid, tf.abs(saliency - target), 0.0) * share, axis=1)
        polarised = tf.reduce_sum(tf.cast(decided, tf.float32) * share, axis=1)

        weight = tf.cast(total > 0, self.dtype) * _image_weights(sample_weight, batch, self.dtype)
        for variable, values in (
            (self.precision_sum, precision),
            (self.recall_sum, recall),
            (self.f_sum, f),
            (self.error_sum, error),
            (self.polarised_sum, polarised),
        ):
            variable.assign(variable + tf.tensordot(weight, tf.cast(values, self.dtype), axes=1))
        self.images.assign(self.images + tf.reduce_sum(weight))

    def result(self):
        """Give the scalars as a dict of tensors; zeros before the first image."""
        images = tf.maximum(tf.convert_to_tensor(self.images), 1e-12)
        if self.average == "curves":
            f = _f(self.precision_sum / images, self.recall_sum / images, self.beta2)
        else:
            f = self.f_sum / images
        numbers = tf.range(256)
        best = tf.argmax(f, output_type=tf.int32)
        # Not f[best]: a dynamic slice makes XLA compile the whole update again for it, in seconds.
        max_f, mean_f = tf.reduce_max(f), tf.reduce_mean(f)
        outside = f < BAND_SHARE * max_f
        low = tf.reduce_max(tf.where(outside & (numbers < best), numbers, -1)) + 1
        high = tf.reduce_min(tf.where(outside & (numbers > best), numbers, 256)) - 1
        return {
            "max_f": max_f,
            "mean_f": mean_f,
            "mae": self.error_sum / images,
            "optimal_threshold": tf.cast(best, f.dtype) / 255,
            "mean_to_max": tf.math.divide_no_nan(mean_f, max_f),
            "band_width": tf.cast(high - low, f.dtype) / 255,
            "polarisation": self.polarised_sum / images,
        }

    def to_result(self):
        """Give the state so far as an `FMeasureResult`, curves included; outside of graphs only."""
        images = max(float(keras.ops.convert_to_numpy(self.images)), 1e-12)
        precision, recall, f, error, polarised = (
            keras.ops.convert_to_numpy(variable).astype("float64") / images
            for variable in (self.precision_sum, self.recall_sum, self.f_sum, self.error_sum, self.polarised_sum)
        )
        if self.average == "curves":
            f = f_measure(precision, recall, self.beta2)
        return FMeasureResult.from_curves(precision, recall, f, mae=error, polarisation=polarised, images=round(images))

    def get_config(self):
        """Give the arguments that build an equal metric."""
        return {
            **super().get_config(),
            "beta2": self.beta2,
            "average": self.average,
            "protocol": self.protocol,
            "from_logits": self.from_logits,
            "ignore_label": self.ignore_label,
        }


@keras.saving.register_keras_serializable(package="metricfit")
class FirstMapFMeasure(FMeasure):
    """The F-measure of the first of several maps: of the one that a deeply supervised model gives after training."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch.

        Args:
            y_true: as `FMeasure` takes it.
            y_pred: [B, H, W, K], of which the first counts, or [B, H, W].
            sample_weight: as `FMeasure` takes it.
        """
        y_pred = tf.convert_to_tensor(y_pred)
        super().update_state(y_true, y_pred[..., 0] if y_pred.shape.rank == 4 else y_pred, sample_weight)


def _as_maps(values, name):
    """Give [B, H, W], without the last axis of [B, H, W, 1]."""
    values = tf.convert_to_tensor(values)
    if values.shape.rank == 4 and values.shape[-1] == 1:
        values = tf.squeeze(values, axis=-1)
    if values.shape.rank != 3:
        raise ValueError(f"{name} must have shape [B, H, W] or [B, H, W, 1], got {values.shape}")
    return values


def _published(saliency):
    """Stretch each map to [0, 1] by its own extremes, and truncate to 8 bits."""
    low = tf.reduce_min(saliency, axis=1, keepdims=True)
    width = tf.reduce_max(saliency, axis=1, keepdims=True) - low
    saliency = tf.where(width > 0, (saliency - low) / tf.where(width > 0, width, 1), saliency)
    return saliency, tf.clip_by_value(tf.cast(saliency * 255, tf.int32), 0, 255)


def _f(precision, recall, beta2):
    return tf.math.divide_no_nan((1 + beta2) * precision * recall, beta2 * precision + recall)


def _image_weights(sample_weight, batch, dtype):
    """Give weights [B]."""
    if sample_weight is None:
        return tf.ones((batch,), dtype)
    weights = tf.cast(sample_weight, dtype)
    if weights.shape.rank is not None and weights.shape.rank > 1 and weights.shape[1:].num_elements() == 1:
        weights = tf.reshape(weights, (batch,))
    if weights.shape.rank not in (None, 0, 1):
        raise ValueError(f"sample_weight must hold one weight an image, [B], got {weights.shape}")
    return tf.broadcast_to(weights, (batch,))
