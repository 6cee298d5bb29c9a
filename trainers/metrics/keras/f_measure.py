"""The F-measure as Keras metrics: fixed shapes, one histogram pass, no loop over thresholds; and the absolute error."""

import math
from typing import Any, Unpack

import keras
import numpy as np
import tensorflow as tf

from ..f_measure import UNDECIDED, FMeasureResult, check_options
from ..histogram import f_measure
from ..threshold_band import BAND_SHARE
from .maps import Figures, ImageMean, MapMetric, MapOptions, count, masked_sum


@keras.saving.register_keras_serializable(package="metricfit")
class FMeasure(MapMetric):
    """MaxF, MeanF, MAE and threshold stability of batches; `FMeasureCurve` is its twin in NumPy.

    `result()` is a dict of scalars, which Keras logs as `max_f`, `mean_f`, `mae`, `optimal_threshold`,
    `mean_to_max`, `band_width` and `polarisation` (`val_max_f`, ... in validation).

    Args:
        beta2: weight of precision against recall, beta squared.
        average: "curves" (precision and recall averaged over images, then F) or "images" (F per image, averaged).
        protocol: "raw", or "published" (each map stretched to [0, 1] and truncated to 8 bits).
        **options: `from_logits`, whether `y_pred` holds logits instead of probabilities in [0, 1]; `ignore_label`, the
            label of pixels that do not count, or None; `name`; `dtype` of the sums, float32 or better.

    Raises:
        ValueError: an option out of range.
    """

    key = "f_measure"
    arguments = ("beta2", "average")

    def __init__(
        self, beta2: float = 0.3, average: str = "curves", protocol: str = "raw", **options: Unpack[MapOptions]
    ):
        check_options(beta2, average, protocol)
        super().__init__(protocol, **options)
        self.beta2, self.average = beta2, average
        self.precision_sum = self.add_variable((256,), "zeros", name="precision_sum")
        self.recall_sum = self.add_variable((256,), "zeros", name="recall_sum")
        self.f_sum = self.add_variable((256,), "zeros", name="f_sum")
        self.square_sums = self.add_variable((3, 256), "zeros", name="square_sums")
        self.error_sum = self.add_variable((), "zeros", name="error_sum")
        self.polarised_sum = self.add_variable((), "zeros", name="polarised_sum")

    def _figures(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> Figures:
        background, true_positives = self._histograms(saliency, positive, valid)
        precision = true_positives / tf.maximum(true_positives + background, 1.0)
        recall = true_positives / tf.maximum(true_positives[:, :1], 1.0)
        pixels = tf.cast(valid, tf.float32)
        share = pixels / tf.maximum(tf.reduce_sum(pixels, axis=(1, 2), keepdims=True), 1.0)
        error = tf.where(valid, tf.abs(saliency - tf.cast(positive, tf.float32)), 0.0)
        decided = (saliency < UNDECIDED[0]) | (saliency > UNDECIDED[1])
        return [
            (self.precision_sum, precision),
            (self.recall_sum, recall),
            (self.f_sum, _f(precision, recall, self.beta2)),
            (self.square_sums, tf.stack([precision**2, recall**2, precision * recall], axis=1)),
            (self.error_sum, tf.reduce_sum(error * share, axis=(1, 2))),
            (self.polarised_sum, tf.reduce_sum(tf.cast(decided, tf.float32) * share, axis=(1, 2))),
        ]

    def result(self) -> Any:
        """Give the scalars as a dict of tensors; zeros before the first image."""
        f = self._curve()
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
            "mae": self._mean(self.error_sum),
            "optimal_threshold": tf.cast(best, f.dtype) / 255,
            "mean_to_max": tf.math.divide_no_nan(mean_f, max_f),
            "band_width": tf.cast(high - low, f.dtype) / 255,
            "polarisation": self._mean(self.polarised_sum),
        }

    def _curve(self) -> tf.Tensor:
        if self.average == "images":
            return self._mean(self.f_sum)
        return _f(self._mean(self.precision_sum), self._mean(self.recall_sum), self.beta2)

    def to_result(self) -> FMeasureResult:
        """Give the state so far as an `FMeasureResult`, curves included; outside of graphs only."""
        self._look_back()
        images = max(float(keras.ops.convert_to_numpy(self.images)), 1e-12)
        precision, recall, f, error, polarised = (
            keras.ops.convert_to_numpy(variable).astype("float64") / images
            for variable in (self.precision_sum, self.recall_sum, self.f_sum, self.error_sum, self.polarised_sum)
        )
        if self.average == "curves":
            f = f_measure(precision, recall, self.beta2)
        return FMeasureResult.from_curves(precision, recall, f, mae=error, polarisation=polarised, images=round(images))

    def max_f_error(self) -> float:
        """Give the standard error of MaxF over the images so far, where curves are averaged; outside of graphs only.

        It is NaN for fewer than two images. The variances of precision and recall are carried through F's derivatives.
        """
        images = float(keras.ops.convert_to_numpy(self.images))
        if images < 2 or self.average != "curves":
            return math.nan
        best = int(np.argmax(keras.ops.convert_to_numpy(self._curve())))
        sums = [keras.ops.convert_to_numpy(one).astype("float64") / images
                for one in (self.precision_sum, self.recall_sum, self.square_sums)]  # fmt: skip
        precision, recall, squares = sums[0][best], sums[1][best], sums[2][:, best]
        # dF/dP = (1 + b) R^2 / (b P + R)^2 and dF/dR = (1 + b) b P^2 / (b P + R)^2
        slopes = np.array([recall**2, self.beta2 * precision**2]) * (1 + self.beta2)
        slopes /= max((self.beta2 * precision + recall) ** 2, 1e-12)
        variances = squares - np.array([precision**2, recall**2, precision * recall])
        variance = slopes**2 @ variances[:2] + 2 * slopes.prod() * variances[2]
        return math.sqrt(max(0.0, float(variance)) / (images - 1))


@keras.saving.register_keras_serializable(package="metricfit")
class FirstMapFMeasure(FMeasure):
    """The F-measure of the first of several maps: of the one that a deeply supervised model gives after training."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch as `FMeasure` does; y_pred may be [B, H, W, K], of which the first counts."""
        y_pred = tf.convert_to_tensor(y_pred)
        super().update_state(y_true, y_pred[..., 0] if y_pred.shape.rank == 4 else y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="metricfit")
class MaxFMeasure(FMeasure):
    """The largest F-measure over the thresholds {0..255}/255; arguments as in `FMeasure`."""

    key = "max_f"

    def result(self) -> tf.Tensor:
        """Give it; 0 before the first image."""
        return tf.reduce_max(self._curve())


@keras.saving.register_keras_serializable(package="metricfit")
class MeanFMeasure(FMeasure):
    """The mean of the F-measure over the thresholds {0..255}/255; arguments as in `FMeasure`."""

    key = "mean_f"

    def result(self) -> tf.Tensor:
        """Give it; 0 before the first image."""
        return tf.reduce_mean(self._curve())


@keras.saving.register_keras_serializable(package="metricfit")
class FMeasureAt(MapMetric):
    """The F-measure of predictions of at least a threshold, in [0, 1]; arguments and errors as in `FMeasure`."""

    key = "f_at_threshold"
    arguments = ("threshold", "beta2", "average")

    def __init__(
        self,
        threshold: float = 0.5,
        beta2: float = 0.3,
        average: str = "curves",
        protocol: str = "raw",
        **options: Unpack[MapOptions],
    ):
        check_options(beta2, average, protocol)
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must lie in [0, 1], got {threshold}")
        super().__init__(protocol, **options)
        self.threshold, self.beta2, self.average = threshold, beta2, average
        self.sums = [self.add_variable((), "zeros", name=f"{part}_sum") for part in ("precision", "recall", "f")]

    def _figures(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> Figures:
        found = valid & (saliency >= self.threshold)
        true_positives = count(found & positive)
        precision = true_positives / tf.maximum(count(found), 1)
        recall = true_positives / tf.maximum(count(positive), 1)
        return list(zip(self.sums, (precision, recall, _f(precision, recall, self.beta2))))

    def result(self) -> tf.Tensor:
        """Give it; 0 before the first image."""
        precision, recall, f = map(self._mean, self.sums)
        return f if self.average == "images" else _f(precision, recall, self.beta2)


@keras.saving.register_keras_serializable(package="metricfit")
class MAE(ImageMean):
    """The mean absolute error of saliency maps, ignored pixels left out; arguments as in `FMeasure`."""

    key = "mae"

    def _scores(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        error = tf.abs(saliency - tf.cast(positive, tf.float32))
        return masked_sum(error, valid) / tf.maximum(count(valid), 1)


def _f(precision: tf.Tensor, recall: tf.Tensor, beta2: float) -> tf.Tensor:
    return tf.math.divide_no_nan((1 + beta2) * precision * recall, beta2 * precision + recall)
