"""Rank & Sort: positives above negatives, and among themselves sorted by box quality (Oksuz et al., ICCV 2021)."""

import keras
import tensorflow as tf

from ..base import AnchorLoss
from ..checks import check_anchors, check_delta, check_localization, check_max_positives
from .error_driven import PROPERLY_RANKED, Ranking, exclusive_classes, with_positives

# How many pairs of positives are held at a time.
_PAIRS = 2**19


def rank_sort_loss(labels, scores, localization_quality, *, delta=0.5, max_positives=None, one_hot=False):
    """Compute the two parts of Rank & Sort, over the whole batch and all classes jointly; their sum is the loss.

    The ranking error of a positive is FP/rank. Its sorting error is the mean of 1 − quality over the positives above
    it, itself included; its target is the same mean over those of at least its quality, and the excess is spread over
    the others. A positive counts half towards its own rank, H(0) = 0.5. Sorting compares all pairs of positives, in
    O(P²) time and O(N) memory.

    Gradient: error-driven update (not the derivative of the value); with respect to `scores` only. It sums to 0.

    Args:
        labels: bool, integer or float of any shape: 1 positive, 0 negative, −1 ignored.
        scores: float logits of the same shape. Everything is computed in float32.
        localization_quality: float of the same shape, or with 1 as its last axis where all classes share a box: the IoU
            of each box, in [0, 1]. Only that of positives is read, and it is a target: no gradient.
        delta: half the width of the piecewise step, in units of the logits; above 0.
        max_positives: slots for the positives; None takes a 128th of the entries, within 512 and 8192. With more of
            them the result is the same, at more memory and time.
        one_hot: whether at most one entry of each row of the last axis is positive, as in one-hot labels. XLA then sets
            aside memory for one positive a row. With more positives than rows the result is NaN.

    Returns:
        ranking: the mean of FP/rank, a float32 scalar in [0, 1].
        sorting: the mean excess of the sorting error, a float32 scalar in [0, 1].
        Both are 0, without a gradient, where there are no positives.

    Raises:
        ValueError: a shape or a hyperparameter is not one of these.
        TypeError: a dtype is not one of these.
    """
    check_delta(delta)
    check_max_positives(max_positives)
    is_positive, is_negative, flat_scores = check_anchors(labels, scores)
    qualities, classes = check_localization("localization_quality", localization_quality, scores)
    exclusive = exclusive_classes(scores, one_hot)

    def values_and_gradients(positives, scores):
        ranking = Ranking(positives, is_negative, scores, delta)
        # the self-relation H(0) = 0.5 stands in place of 1
        error = tf.math.divide_no_nan(ranking.false_positives, ranking.rank - 0.5)
        quality = ranking.only_valid(tf.gather(qualities, ranking.positions // classes))
        sorting, push = _sort(ranking, quality, delta)
        to_scores = ranking.gradient(error, ranking.count)
        to_sorted = ranking.at_entries(tf.math.divide_no_nan(push, ranking.count))
        return ranking.mean(error), tf.math.divide_no_nan(sorting, ranking.count), to_scores, to_sorted

    @tf.custom_gradient
    def loss(scores):
        ranked, sorting, to_ranked, to_sorted = with_positives(
            is_positive,
            max_positives,
            lambda positives: values_and_gradients(positives, scores),
            classes=exclusive,
        )

        def gradient(ranking_upstream, sorting_upstream):
            return ranking_upstream * to_ranked + sorting_upstream * to_sorted

        return (ranked, sorting), gradient

    return loss(flat_scores)


def _sort(ranking: Ranking, quality, delta):
    """Sum the excess sorting errors of the positives, and push those of lower quality below those of higher.

    Returns:
        Σ_i (ℓ − ℓ*)(i), a scalar, and the gradient of that with respect to the scores of the positives, [S].
    """
    slots = quality.shape[0] if quality.shape[0] is not None else tf.size(quality)
    chunk = (
        min(max(_PAIRS // max(slots, 1), 1), slots)
        if isinstance(slots, int)
        else tf.clip_by_value(_PAIRS // tf.maximum(slots, 1), 1, slots)
    )
    valid = tf.cast(ranking.valid, tf.float32)

    def body(start, total, gradient):
        rows = tf.minimum(start + tf.range(chunk), slots - 1)
        counted = tf.gather(ranking.valid, rows) & (start + tf.range(chunk) < slots)
        score, own = tf.gather(ranking.scores, rows)[:, tf.newaxis], tf.gather(quality, rows)[:, tf.newaxis]
        above = valid * tf.clip_by_value((ranking.scores - score) / (2 * delta) + 0.5, 0, 1)
        missorted = tf.where(quality < own, above, 0)
        rightly = above - missorted
        mean_quality = tf.math.divide_no_nan(tf.linalg.matvec(rightly, quality), tf.reduce_sum(rightly, axis=1))
        # ℓ − ℓ* = Σ_missorted H_ij (mean quality of those rightly above − y_j) / rank_pos, free of cancellation
        excess = tf.reduce_sum(missorted * (mean_quality[:, tf.newaxis] - quality), axis=1)
        excess = tf.math.divide_no_nan(excess, tf.reduce_sum(above, axis=1))
        weight = tf.reduce_sum(missorted, axis=1)
        push = tf.where(counted & (weight > PROPERLY_RANKED), excess, 0)
        # dL/ds_j = Σ_i (ℓ − ℓ*)(i) H_ij / Σ_missorted H_ik of the missorted j, dL/ds_i = −(ℓ − ℓ*)(i)
        gradient += tf.linalg.matvec(missorted, tf.math.divide_no_nan(push, weight), transpose_a=True)
        gradient = tf.tensor_scatter_nd_add(gradient, rows[:, tf.newaxis], -push)
        return start + chunk, total + tf.reduce_sum(tf.where(counted, excess, 0)), gradient

    _, total, gradient = tf.while_loop(
        lambda start, *_: tf.cast(start, tf.float32) < ranking.count,
        body,
        (tf.constant(0), tf.constant(0.0), tf.zeros_like(quality)),
    )
    return total, gradient


@keras.saving.register_keras_serializable(package="metricfit")
class RankSortLoss(AnchorLoss):
    """Rank & Sort as a Keras loss: ranking + sorting, with `y_true` a dict of labels and localization_quality.

    Args:
        delta: half the width of the piecewise step, above 0.
        max_positives: slots for the positives, or None.
        reduction: as in `keras.losses.Loss`; a scalar stays as it is.
        name: the loss' name.
    """

    function = staticmethod(rank_sort_loss)
    needs = "localization_quality"

    def __init__(self, *, delta=0.5, max_positives=None, reduction="sum_over_batch_size", name="rank_sort"):
        check_delta(delta)
        check_max_positives(max_positives)
        super().__init__(name=name, reduction=reduction, delta=delta, max_positives=max_positives)

    def join(self, classification, localization):
        """Add both up: they train the scores alone."""
        return classification + localization, None
