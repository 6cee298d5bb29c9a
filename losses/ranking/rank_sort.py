"""Rank & Sort: positives above negatives, and among themselves sorted by box quality (Oksuz et al., ICCV 2021)."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_localization
from ..references import RANK_SORT
from ..tensors import Tensor, least, most, size_of
from .error_driven import PROPERLY_RANKED, Ranking, ranking_parts

_PAIRS = 2**19  # of positives are held at a time


def rank_sort_loss(
    labels: Tensor,
    scores: Tensor,
    localization_quality: Tensor,
    *,
    delta: float = 0.5,
    max_positives: int | None = None,
    one_hot: bool = False,
    scope: str = "global",
) -> tuple[Tensor, Tensor]:
    """Compute the two parts of Rank & Sort, over the whole batch and all classes jointly; their sum is the loss.

    The ranking error of a positive is FP/rank. Its sorting error is the mean of 1 − quality over the positives above
    it, itself included; its target is the same mean over those of at least its quality, and the excess is spread over
    the others. A positive counts half towards its own rank, H(0) = 0.5. Sorting compares all pairs of positives, in
    O(P²) time and O(N) memory.

    Gradient: error-driven update (not the derivative of the value); with respect to `scores` only. It sums to 0.

    Args:
        labels: 1 positive, 0 negative, −1 ignored, of any shape; this and the others as in `ap_loss`, except for one:
        localization_quality: float of the same shape, or with 1 as its last axis where all classes share a box: the IoU
            of each box, in [0, 1]. Only that of positives is read, and it is a target: no gradient.

    Returns:
        The mean of FP/rank, and the mean excess of the sorting error; float32 scalars in [0, 1], 0 without a gradient
        where there are no positives.

    Raises:
        ValueError, TypeError: as `ap_loss`, and for `localization_quality`.
    """
    qualities, classes = check_localization("localization_quality", localization_quality, scores)

    def parts(ranking: Ranking) -> tuple[Tensor, ...]:
        # the self-relation H(0) = 0.5 stands in place of 1
        error = tf.math.divide_no_nan(ranking.false_positives, ranking.rank - 0.5)
        quality = ranking.of_boxes(qualities, classes)
        sorting, push = _sort(ranking, quality, delta)
        to_scores = ranking.gradient(error, ranking.count)
        to_sorted = ranking.at_entries(tf.math.divide_no_nan(push, ranking.count))
        return ranking.mean(error), tf.math.divide_no_nan(sorting, ranking.count), to_scores, to_sorted

    ranked, sorting = ranking_parts(
        labels, scores, parts, delta=delta, max_positives=max_positives, one_hot=one_hot, scope=scope
    )
    return ranked, sorting


def _sort(ranking: Ranking, quality: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """Return the summed excess sorting errors Σ_i (ℓ − ℓ*)(i), and their gradient to the positives' scores, [S]."""
    slots = size_of(quality)
    chunk = least(most(_PAIRS // most(slots, 1), 1), slots)
    valid = tf.cast(ranking.valid, tf.float32)

    def body(start: Tensor, total: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        places = start + tf.range(chunk)
        rows = tf.gather(filled, tf.minimum(places, slots - 1))
        counted = tf.gather(ranking.valid, rows) & (places < slots)
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

    filled = ranking.filled_slots()
    begin = (tf.constant(0), tf.constant(0.0), tf.zeros_like(quality))
    _, total, gradient = tf.while_loop(lambda start, *_: tf.cast(start, tf.float32) < ranking.count, body, begin)
    return total, gradient


@keras_loss("rank_sort", rank_sort_loss, "detection", "ranks, and positives sorted by their boxes", RANK_SORT)
class RankSortLoss(AnchorLoss):
    """Rank & Sort as a Keras loss, the sum of the parts of `rank_sort_loss`; arguments as there."""

    needs = "localization_quality"
