"""Rank & Sort: positives above negatives, and among themselves sorted by box quality (Oksuz et al., ICCV 2021)."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_localization
from ..references import RANK_SORT
from ..tensors import Tensor
from .error_driven import PROPERLY_RANKED, Ranking, ranking_parts


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
    the others. A positive counts half towards its own rank, H(0) = 0.5. Sorting asks for two orders at
    once, and takes O(P log P) time and O(P) memory (`step_sums/keyed_sums.py`).

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
        excess, push = _sort(ranking, quality)
        to_scores = ranking.gradient(error, ranking.count)
        to_sorted = ranking.at_entries(tf.math.divide_no_nan(push, ranking.count))
        return ranking.mean(error), ranking.mean(excess), to_scores, to_sorted

    ranked, sorting = ranking_parts(
        labels, scores, parts, delta=delta, max_positives=max_positives, one_hot=one_hot, scope=scope
    )
    return ranked, sorting


def _sort(ranking: Ranking, quality: Tensor) -> tuple[Tensor, Tensor]:
    """Return the excess sorting errors (ℓ − ℓ*)(i), [S], and their summed gradient to the positives' scores, [S]."""
    sums = ranking.by_keys(quality)
    above = sums.above()
    # ℓ − ℓ* = Σ_missorted H_ij (mean quality of those rightly above − y_j) / rank_pos: of two parts, neither below 0
    rise = tf.math.divide_no_nan(above.others_gap, above.others)
    excess = tf.math.divide_no_nan(above.lower_gap + above.lower * rise, above.lower + above.others)
    excess += ranking.only_valid(ranking.scores * 0 + quality * 0)  # which is NaN where one of them is none
    push = tf.where(above.lower > PROPERLY_RANKED, excess, 0)
    # dL/ds_j = Σ_i (ℓ − ℓ*)(i) H_ij / Σ_missorted H_ik of the missorted j, dL/ds_i = −(ℓ − ℓ*)(i)
    return excess, sums.of_higher(tf.math.divide_no_nan(push, above.lower)) - push


@keras_loss(
    "rank_sort",
    rank_sort_loss,
    "detection",
    "ranks, and positives sorted by their boxes",
    RANK_SORT,
    when="the same with a box loss of its own, scores sorted by IoU",
)
class RankSortLoss(AnchorLoss):
    """Rank & Sort as a Keras loss, the sum of the parts of `rank_sort_loss`; arguments as there."""

    needs = "localization_quality"
