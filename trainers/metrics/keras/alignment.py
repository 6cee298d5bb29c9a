"""The E-measure: how well a binary map is aligned with the mask, pixel by pixel and as a whole.

With f and g what the map and the mask differ from their means, the alignment of a pixel is 2 f g / (f^2 + g^2), its
score (1 + alignment)^2 / 4 (Fan et al., IJCAI 2018, eq. 2 to 5). There are four kinds of pixels: counts are enough.
"""

from typing import Unpack

import keras
import tensorflow as tf

from .maps import Figures, MapMetric, MapOptions, count, masked_sum


@keras.saving.register_keras_serializable(package="metricfit")
class EMeasure(MapMetric):
    """The E-measure of saliency maps; arguments as in `FMeasure`.

    `result()` is a dict of scalars: `adaptive_e`, each map cut at twice its mean; `mean_e` and `max_e`, mean and
    largest over the thresholds {0..255}/255 of the mean over the images. Without salient pixels the share of pixels
    that are not predicted is scored, with salient ones only the share of those that are. As published, sums over the
    N pixels of an image are divided by N - 1, so that a perfect map of a large image scores a little over 1.
    """

    key = "e_measure"

    def __init__(self, protocol: str = "raw", **options: Unpack[MapOptions]):
        super().__init__(protocol, **options)
        self.curve_sum = self.add_variable((256,), "zeros", name="curve_sum")
        self.adaptive_sum = self.add_variable((), "zeros", name="adaptive_sum")

    def _figures(self, saliency: tf.Tensor, positive: tf.Tensor, valid: tf.Tensor) -> Figures:
        pixels, salient = count(valid)[:, None], count(positive)[:, None]
        background, hits = (tf.cast(counts, tf.float64) for counts in self._histograms(saliency, positive, valid))
        mean = masked_sum(saliency, valid) / tf.maximum(pixels[:, 0], 1)
        found = valid & (tf.cast(saliency, tf.float64) >= tf.minimum(2 * mean, 1)[:, None, None])
        adaptive = _score(count(found & positive)[:, None], count(found)[:, None], salient, pixels)
        return [(self.curve_sum, _score(hits, hits + background, salient, pixels)), (self.adaptive_sum, adaptive[:, 0])]

    def result(self) -> dict[str, tf.Tensor]:
        """Give the scalars; zeros before the first image."""
        curve = self._mean(self.curve_sum)
        return {
            "adaptive_e": self._mean(self.adaptive_sum),
            "mean_e": tf.reduce_mean(curve),
            "max_e": tf.reduce_max(curve),
        }


def _score(hits: tf.Tensor, found: tf.Tensor, salient: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Score binary maps from counts [B, T] of hits and found pixels, and [B, 1] of salient and all pixels: [B, T]."""
    size = tf.maximum(pixels, 1)
    total = tf.zeros_like(hits)
    kinds = ((1, 1, hits), (1, 0, found - hits), (0, 1, salient - hits), (0, 0, pixels - found - salient + hits))
    for predicted, true, number in kinds:
        f, g = predicted - found / size, true - salient / size
        alignment = tf.math.divide_no_nan(2 * f * g, f**2 + g**2)
        total += number * (1 + alignment) ** 2 / 4
    total = tf.where(salient == 0, pixels - found, tf.where(salient == pixels, found, total))
    return total / tf.maximum(pixels - 1, 1)
