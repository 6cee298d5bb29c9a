"""NDCG-Loss: 1 − the normalised discounted cumulative gain of a batch's ranking (Oksuz et al., NeurIPS 2020)."""

import math

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..references import OKSUZ
from ..tensors import Tensor
from .error_driven import Ranking, ranking_loss


def ndcg_loss(
    labels: Tensor,
    scores: Tensor,
    *,
    delta: float = 1.0,
    max_positives: int | None = None,
    one_hot: bool = False,
    scope: str = "global",
) -> Tensor:
    """Compute NDCG-Loss over the whole batch and all classes jointly; as delta goes to 0 it is 1 − NDCG.

    The error of a positive is its discount among the positives alone less its discount among all entries,
    1/log2(1 + rank_pos) − 1/log2(1 + rank), so never negative; their sum is divided by Σ_k=1..P 1/log2(1 + k).

    Gradient: error-driven update (not the derivative of the value; Algorithm 1); with respect to `scores` only.

    Args:
        labels: 1 positive, 0 negative, −1 ignored, of any shape; this and the others as in `ap_loss`.

    Returns:
        The loss, a float32 scalar, at least 0; 0, without a gradient, where there are no positives.

    Raises:
        ValueError, TypeError: as `ap_loss`.
    """

    def errors(ranking: Ranking) -> tuple[Tensor, Tensor]:
        # 1/log2 a − 1/log2 b = ln 2 · ln(b/a) / (ln a · ln b) does not cancel for few false positives
        log_among_positives = tf.math.log1p(ranking.rank_among_positives)
        log_ratio = tf.math.log1p(ranking.false_positives / (1 + ranking.rank_among_positives))
        error = math.log(2) * log_ratio / (log_among_positives * (log_among_positives + log_ratio))
        places = tf.cast(tf.range(1, tf.size(error) + 1), tf.float32)
        best = tf.reduce_sum(tf.where(places <= ranking.count, math.log(2) / tf.math.log1p(places), 0))
        return error, best

    return ranking_loss(labels, scores, errors, delta=delta, max_positives=max_positives, one_hot=one_hot, scope=scope)


@keras_loss(
    "ndcg",
    ndcg_loss,
    "detection",
    "normalised discounted cumulative gain",
    f"{OKSUZ}, section 3, with a rank among the positives as the target",
    when="only the top of the list counts; there to be compared with",
)
class NDCGLoss(AnchorLoss):
    """NDCG-Loss as a Keras loss; arguments as in `ndcg_loss`."""
