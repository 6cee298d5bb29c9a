"""Correlation loss: scores of the positives are to go with the IoU of their boxes (Kahraman et al., AAAI 2023)."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_hyperparameters, check_localization, refuse_quality
from ..references import KAHRAMAN
from ..tensors import Tensor
from .gathered import GatheredPositives, parts_of_positives
from .soft_ranks import SoftRanks


def correlation_loss(
    labels: Tensor,
    scores: Tensor,
    localization_quality: Tensor,
    *,
    coefficient: str = "concordance",
    regularization: float = 1.0,
    max_positives: int | None = None,
    one_hot: bool = False,
    scope: str = "global",
) -> Tensor:
    """Compute 1 − ρ of the probabilities and the IoUs of the positives, over the whole batch and all classes jointly.

    It is an addition to a loss that trains positives and negatives, at a weight such as 0.2, and trains no detector by
    itself: it reads no negative. The coefficients are Pearson's r; Lin's concordance, 2 cov/(var + var + (difference of
    the means)²), all of 1/P, which also asks that scores be as large as IoUs; and Spearman's, r of the soft ranks.

    Gradient: exact; with respect to `scores` only, as the authors have it. Where a coefficient is undefined, as where
    all scores or all IoUs are equal, it counts as 0, without a gradient but for concordance.

    Args:
        labels: 1 positive, 0 negative, −1 ignored, of any shape; this and the others as in `ap_loss`, except for three:
        localization_quality: as in `rank_sort_loss`.
        coefficient: "concordance", "pearson" or "spearman".
        regularization: of Spearman's soft ranks, above 0, quadratic, in units of 1/P (`SoftRanks`): ranks of numbers
            that far apart are hard. At P, the authors' own, soft ranks are straight lines in [0, 1], and it is Pearson.

    Returns:
        The loss, a float32 scalar in [0, 2]; 0, without a gradient, where there are fewer than two positives.

    Raises:
        ValueError, TypeError: as `ap_loss`, and for `localization_quality`.
    """
    check_hyperparameters(coefficient=coefficient, regularization=regularization)
    qualities, classes = check_localization("localization_quality", localization_quality, scores)
    dtype = tf.float32 if tf.config.list_logical_devices("TPU") else tf.float64

    def parts(positives: GatheredPositives) -> tuple[Tensor, Tensor]:
        quality = positives.of_boxes(qualities, classes)
        logits, iou = tf.cast(positives.scores, dtype), tf.cast(quality, dtype)
        probability, count = tf.sigmoid(logits), tf.cast(positives.count, dtype)
        if coefficient == "spearman":
            rho, slope = _spearman(probability, iou, (positives.scores, quality), positives, count, regularization)
        else:
            rho, slope = _of_numbers(coefficient, probability, iou, positives.valid, count)
        several = positives.valid & (count > 1)
        loss = tf.where(count > 1, 1 - rho, 0) * tf.cast(refuse_quality(quality), dtype)
        to_scores = tf.where(several, -slope * probability * tf.sigmoid(-logits), 0)
        return tf.cast(loss, tf.float32), positives.at_entries(tf.cast(to_scores, tf.float32))

    return parts_of_positives(
        labels, scores, GatheredPositives, parts, max_positives=max_positives, one_hot=one_hot, scope=scope
    )[0]


def _of_numbers(name: str, x: Tensor, y: Tensor, valid: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return Pearson's coefficient, or concordance, of [S] and [S], and its slopes by the first, [S]."""
    (x, x_mean), (y, y_mean) = _centred(x, valid, count), _centred(y, valid, count)
    if name == "pearson":
        return _pearson(x, y)
    gap = x_mean - y_mean
    spread = (tf.reduce_sum(x * x) + tf.reduce_sum(y * y)) / count + gap * gap
    rho = tf.math.divide_no_nan(2 * tf.reduce_sum(x * y) / count, spread)
    # dρ/dx_i = 2 (y_i − ρ (x_i + gap)) / P / spread, of deviations x and y
    return rho, tf.math.divide_no_nan(2 * (y - rho * (x + gap)), count * spread)


def _spearman(
    x: Tensor, y: Tensor, keys: tuple[Tensor, Tensor], positives: GatheredPositives, count: Tensor, strength: float
) -> tuple[Tensor, Tensor]:
    """Return the Pearson coefficient of the soft ranks of [S] and [S], and its slopes by the first, [S]."""
    ranks, other = (SoftRanks(one, key, positives.valid, count, strength) for one, key in zip((x, y), keys))
    rho, slope = _pearson(ranks.deviations, other.deviations)
    return rho, ranks.pull_back(slope)


def _pearson(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the coefficient of two deviations, 0 where one is 0 all over, and its slopes by the first, [S]."""
    squares, others = tf.reduce_sum(x * x), tf.reduce_sum(y * y)
    defined = (squares != 0) & (others != 0)  # NaN is left to the loss
    scale = tf.sqrt(squares) * tf.sqrt(others)
    rho = tf.reduce_sum(x * y) / scale
    # dr/dx_i = y_i / (|x| |y|) − r x_i / |x|², of deviations x and y
    return tf.where(defined, rho, 0), tf.where(defined, y / scale - rho * x / squares, 0)


def _centred(values: Tensor, valid: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return [S] less the mean of the valid slots, 0 in the others, and the mean."""
    # the difference of equal numbers is 0 exactly, that of their mean may not be
    least = tf.reduce_min(tf.where(valid, values, values.dtype.max))
    above = tf.where(valid, values - least, 0)
    mean = tf.math.divide_no_nan(tf.reduce_sum(above), count)
    return tf.where(valid, above - mean, 0), least + mean


@keras_loss(
    "correlation",
    correlation_loss,
    "detection",
    "correlation of scores and IoU, beside another loss",
    KAHRAMAN,
    when="never alone: added to any of the others, so that scores go with how well boxes are placed",
)
class CorrelationLoss(AnchorLoss):
    """The correlation loss as a Keras loss, to be added to another; arguments as in `correlation_loss`."""

    needs = "localization_quality"
    trains_alone = False
