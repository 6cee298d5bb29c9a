"""aLRP: one ranking loss for classes and boxes (Oksuz et al., NeurIPS 2020)."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_localization
from ..references import OKSUZ
from ..tensors import Tensor
from .error_driven import Ranking, ranking_parts


def alrp_loss(
    labels: Tensor,
    scores: Tensor,
    localization_error: Tensor,
    *,
    delta: float = 1.0,
    clip_error: bool = False,
    max_positives: int | None = None,
    one_hot: bool = False,
    scope: str = "global",
) -> tuple[Tensor, Tensor]:
    """Compute the two parts of aLRP (eq. 11), over the whole batch and all classes jointly; their sum is the loss.

    Gradient: error-driven update (not the derivative of the value; eq. 14) with respect to `scores`, localisation error
    included, scaled by the upstream gradient of the classification part; exact, the ranks held fixed, with respect to
    `localization_error`, scaled by that of the localisation part.

    Args:
        labels: 1 positive, 0 negative, −1 ignored, of any shape; this and the others as in `ap_loss`, except for two:
        localization_error: float of the same shape, or with 1 as its last axis where all classes share a box: the error
            of each box, 0 perfect and 1 barely found (`iou_error`, `giou_error`). Only that of positives is read.
        clip_error: whether errors above 1 count as 1, which bounds the sum of the parts by 1; no gradient beyond.

    Returns:
        The mean of FP/rank, in [0, 1], and that of the localisation errors above each positive and its own, over rank;
        float32 scalars, 0 without a gradient where there are no positives.

    Raises:
        ValueError, TypeError: as `ap_loss`, and for `localization_error`.
    """
    flat_errors, classes = check_localization("localization_error", localization_error, scores)

    def parts(ranking: Ranking, errors: Tensor) -> tuple[Tensor, ...]:
        error = ranking.of_boxes(errors, classes)
        counted = tf.ones_like(error)
        if clip_error:
            counted = tf.where(error <= 1, counted, 0)
            error = tf.minimum(error, 1)
        above = ranking.over_positives(error)
        classification = ranking.mean(tf.math.divide_no_nan(ranking.false_positives, ranking.rank))
        localization = ranking.mean(tf.math.divide_no_nan(error + above, ranking.rank))
        # eq. 14: (ℓ − ℓ*)(i) = (FP(i) + Σ_k≠i E_k H_ik) / rank(i)
        excess = tf.math.divide_no_nan(ranking.false_positives + above, ranking.rank)
        # eq. 11: dL/dE_k = (1 / rank(k) + Σ_i≠k H_ik / rank(i)) / P
        inverse_rank = tf.math.divide_no_nan(tf.constant(1.0), ranking.rank)
        slope = tf.math.divide_no_nan(inverse_rank + ranking.below_positives(inverse_rank), ranking.count)
        to_errors = ranking.at_boxes(slope * counted, classes, tf.size(errors))
        return classification, localization, ranking.gradient(excess, ranking.count), to_errors

    classification, localization = ranking_parts(
        labels, scores, parts, flat_errors, delta=delta, max_positives=max_positives, one_hot=one_hot, scope=scope
    )
    return classification, localization


@keras_loss(
    "alrp",
    alrp_loss,
    "detection",
    "average LRP: ranks and boxes together",
    f"{OKSUZ}, eq. 9-14",
    when="well-placed boxes count (AP75 and above): it trains scores and boxes together",
)
class ALRPLoss(AnchorLoss):
    """aLRP as a Keras loss, the sum of the parts of `alrp_loss`; arguments as there."""

    needs = "localization_error"
    usual_box_loss = "giou"
