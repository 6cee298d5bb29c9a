"""The S-measure: how alike saliency map and mask are in structure, of the object and of four regions around its centre.

S = alpha * S_object + (1 - alpha) * S_region                            (Fan et al., ICCV 2017, eq. 11)
"""

from typing import Unpack

import keras
import tensorflow as tf

from .maps import ImageMean, MapOptions, count, masked_sum


@keras.saving.register_keras_serializable(package="metricfit")
class SMeasure(ImageMean):
    """The mean S-measure of saliency maps; arguments as in `FMeasure`, and alpha in [0, 1], the weight of the object.

    A map of an image without salient pixels scores 1 less its mean, of one with salient pixels only its mean. A single
    pixel has a standard deviation of 0.
    """

    key = "s_measure"
    arguments = ("alpha",)

    def __init__(self, alpha: float = 0.5, protocol: str = "raw", **options: Unpack[MapOptions]):
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
        super().__init__(protocol, **options)
        self.alpha = alpha

    def _scores(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        saliency = tf.cast(saliency, tf.float64)
        pixels = count(valid)
        share = count(positive) / tf.maximum(pixels, 1)
        objects = share * _object(saliency, positive) + (1 - share) * _object(1 - saliency, valid & ~positive)
        score = self.alpha * objects + (1 - self.alpha) * _regions(saliency, positive, valid)
        mean = masked_sum(saliency, valid) / tf.maximum(pixels, 1)
        return tf.where(share == 0, 1 - mean, tf.where(share == 1, mean, tf.maximum(score, 0)))


def _object(values: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """Score how bright and even maps are at some pixels: 2 m / (m^2 + 1 + s) with mean and deviation there (eq. 9)."""
    pixels = count(where)
    mean = masked_sum(values, where) / tf.maximum(pixels, 1)
    variance = masked_sum((values - mean[:, None, None]) ** 2, where) / tf.maximum(pixels - 1, 1)
    return 2 * mean / (mean**2 + 1 + tf.sqrt(variance))


def _regions(saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Average the structural similarity of the four parts around the mask's centre, by their sizes (eq. 4 to 6)."""
    mask, counted = tf.cast(positive, tf.float64), tf.cast(valid, tf.float64)
    size = tf.maximum(tf.reduce_sum(mask, axis=(1, 2)), 1)
    # Every pixel is in one of two bands of rows and one of two bands of columns: [B, 2, H] and [B, 2, W].
    rows, columns = (_bands(tf.reduce_sum(mask, axis=axis), size) for axis in (2, 1))

    def sums(values: tf.Tensor) -> tf.Tensor:
        return tf.matmul(tf.matmul(rows, values * counted), columns, transpose_b=True)

    def spread(means: tf.Tensor) -> tf.Tensor:
        return tf.matmul(tf.matmul(rows, means, transpose_a=True), columns)

    pixels = sums(tf.ones_like(mask))
    x, y = (sums(values) / tf.maximum(pixels, 1) for values in (saliency, mask))
    from_x, from_y = saliency - spread(x), mask - spread(y)
    degrees = tf.maximum(pixels - 1, 1)
    covariance, variances = sums(from_x * from_y) / degrees, sums(from_x**2 + from_y**2) / degrees
    numerator, denominator = 4 * x * y * covariance, (x**2 + y**2) * variances
    # Two even parts are alike.
    even = tf.where((numerator == 0) & (denominator == 0), tf.ones_like(x), 0)
    similarity = tf.math.divide_no_nan(numerator, denominator) + even
    return tf.reduce_sum(pixels * similarity, axis=(1, 2)) / tf.maximum(tf.reduce_sum(pixels, axis=(1, 2)), 1)


def _bands(profile: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Tell the places up to the centre of gravity of profiles [B, N], itself included, from those behind it."""
    places = tf.cast(tf.range(tf.shape(profile)[1]), tf.float64)
    centre = tf.round(tf.reduce_sum(profile * places, axis=1) / size)
    before = tf.cast(places <= centre[:, None], tf.float64)
    return tf.stack([before, 1 - before], axis=1)
