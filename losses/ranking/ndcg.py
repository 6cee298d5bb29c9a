"""NDCG-Loss: 1 − the normalised discounted cumulative gain of a batch's ranking (Oksuz et al., NeurIPS 2020)."""

import math

import keras
import tensorflow as tf

from ..base import AnchorLoss
from ..checks import check_delta, check_max_positives
from .error_driven import Ranking, ranking_loss


def ndcg_loss(labels, scores, *, delta=1.0, max_positives=None, one_hot=False):
    """Compute NDCG-Loss over the whole batch and all classes jointly; as delta goes to 0 it is 1 − NDCG.

    The error of a positive is its discount among the positives alone less its discount among all entries,
    1/log2(1 + rank_pos) − 1/log2(1 + rank), so never negative; their sum is divided by Σ_k=1..P 1/log2(1 + k).

    Gradient: error-driven update (not the derivative of the value; Oksuz et al., Algorithm 1); with respect to `scores`
    only.

    Args:
        labels: bool, integer or float of any shape: 1 positive, 0 negative, −1 ignored.
        scores: float logits of the same shape. Everything is computed in float32.
        delta: half the width of the piecewise step, in units of the logits; above 0.
        max_positives: slots for the positives; None takes a 128th of the entries, within 512 and 8192. With more of
            them the result is the same, at more memory and time.
        one_hot: whether at most one entry of each row of the last axis is positive, as in one-hot labels. XLA then sets
            aside memory for one positive a row. With more positives than rows the result is NaN.

    Returns:
        The loss, a float32 scalar, at least 0; 0, without a gradient, where there are no positives.

    Raises:
        ValueError: the shapes differ, or a hyperparameter is not one of these.
        TypeError: a dtype is not one of these.
    """

    def errors(ranking: Ranking):
        # 1/log2 a − 1/log2 b = ln 2 · ln(b/a) / (ln a · ln b) does not cancel for few false positives
        log_among_positives = tf.math.log1p(ranking.rank_among_positives)
        log_ratio = tf.math.log1p(ranking.false_positives / (1 + ranking.rank_among_positives))
        error = math.log(2) * log_ratio / (log_among_positives * (log_among_positives + log_ratio))
        places = tf.cast(tf.range(1, tf.size(error) + 1), tf.float32)
        best = tf.reduce_sum(tf.where(places <= ranking.count, math.log(2) / tf.math.log1p(places), 0))
        return error, best

    return ranking_loss(labels, scores, errors, delta=delta, max_positives=max_positives, one_hot=one_hot)


@keras.saving.register_keras_serializable(package="metricfit")
class NDCGLoss(AnchorLoss):
    """NDCG-Loss as a Keras loss: `ndcg_loss` of the batch.

    Args:
        delta: half the width of the piecewise step, above 0.
        max_positives: slots for the positives, or None.
        reduction: as in `keras.losses.Loss`; a scalar stays as it is.
        name: the loss' name.
    """

    function = staticmethod(ndcg_loss)

    def __init__(self, *, delta=1.0, max_positives=None, reduction="sum_over_batch_size", name="ndcg"):
        check_delta(delta)
        check_max_positives(max_positives)
        super().__init__(name=name, reduction=reduction, delta=delta, max_positives=max_positives)
