"""AP-Loss and AUC-Loss: 1 − average precision, and 1 − the area under the ROC curve (Chen et al., CVPR 2019)."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..references import CHEN
from ..tensors import Tensor, inverse_permutation, read, sort
from .error_driven import Ranking, ranking_loss


def ap_loss(
    labels: Tensor,
    scores: Tensor,
    *,
    delta: float = 1.0,
    interpolated: bool = False,
    max_positives: int | None = None,
    one_hot: bool = False,
    scope: str = "global",
) -> Tensor:
    """Compute AP-Loss, the mean over the positives of FP/rank (eq. 5), over the whole batch and all classes jointly.

    Gradient: error-driven update (not the derivative of the value; eq. 13); with respect to `scores` only.

    Args:
        labels: bool, integer or float of any shape: 1 positive, 0 negative, −1 or less ignored.
        scores: float logits of the same shape. Everything is computed in float32.
        delta: half the width of the piecewise step (eq. 14), in units of the logits; above 0.
        interpolated: whether the precision of a positive is the best of those at its score and below (Algorithm 1).
        max_positives: under XLA, which has to know it, slots for the positives; None takes a 128th of the entries,
            within 512 and 8192. With more of them the result is the same, at more memory and time. Elsewhere memory and
            time go by the positives there are.
        one_hot: whether at most one entry of each row of the last axis is positive, as in one-hot labels. XLA then sets
            aside memory for one positive a row. With more positives than rows the result is NaN.
        scope: on several replicas: "global" ranks the entries of all together, and gives each of them an equal share of
            the loss; "replica" ranks each by itself, and takes the mean. There XLA needs `max_positives` as slots of
            one replica, by default 8192: with more the loss is NaN.

    Returns:
        The loss, a float32 scalar in [0, 1]; 0, without a gradient, where there are no positives.

    Raises:
        ValueError, TypeError: a dtype, a label or a hyperparameter is not one of these, or the shapes differ. For a
            label it is `tf.errors.InvalidArgumentError` in a graph; under XLA the loss is NaN.
    """

    def errors(ranking: Ranking) -> tuple[Tensor, Tensor]:
        # eq. 5: ℓ(i) = FP(i) / rank(i)
        error = tf.math.divide_no_nan(ranking.false_positives, ranking.rank)
        return (_interpolate(error, ranking) if interpolated else error), ranking.count

    return ranking_loss(labels, scores, errors, delta=delta, max_positives=max_positives, one_hot=one_hot, scope=scope)


def _interpolate(error: Tensor, ranking: Ranking) -> Tensor:
    """Replace the error of each positive by the least among the positives of its score and below, [S]."""
    _, order = sort(tf.where(ranking.valid, ranking.scores, tf.float32.max))
    return read(_running_minimum(read(error, order)), inverse_permutation(order))


def _running_minimum(values: Tensor) -> Tensor:
    """Give the least of the values up to each place, [S], in log2 S steps."""
    places = tf.range(tf.size(values))

    def step(shift: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * shift, tf.minimum(least, read(least, tf.maximum(places - shift, 0)))

    _, least = tf.while_loop(lambda shift, _: shift < tf.size(values), step, (1, values))
    return least


def auc_loss(
    labels: Tensor,
    scores: Tensor,
    *,
    delta: float = 1.0,
    max_positives: int | None = None,
    one_hot: bool = False,
    scope: str = "global",
) -> Tensor:
    """Compute AUC-Loss, the mean over the positives of FP/N (eq. 7), over the whole batch and all classes jointly.

    Gradient: error-driven update (not the derivative of the value; eq. 13); with respect to `scores` only.

    Args:
        labels: 1 positive, 0 negative, −1 ignored, of any shape; this and the others as in `ap_loss`.

    Returns:
        The loss, a float32 scalar in [0, 1]; 0, without a gradient, where there are no positives or no negatives.

    Raises:
        ValueError, TypeError: as `ap_loss`.
    """

    def errors(ranking: Ranking) -> tuple[Tensor, Tensor]:
        # eq. 7: ℓ(i) = FP(i) / N
        return tf.math.divide_no_nan(ranking.false_positives, ranking.negatives), ranking.count

    return ranking_loss(labels, scores, errors, delta=delta, max_positives=max_positives, one_hot=one_hot, scope=scope)


@keras_loss(
    "ap",
    ap_loss,
    "detection",
    "average precision of the batch",
    f"{CHEN}, eq. 5-14",
    when="AP counts; it takes the place of focal and needs no balance of classes",
)
class APLoss(AnchorLoss):
    """AP-Loss as a Keras loss; arguments as in `ap_loss`."""


@keras_loss(
    "auc",
    auc_loss,
    "detection",
    "area under the ROC curve of the batch",
    f"{CHEN}, eq. 7",
    when="the area under the ROC curve counts; a baseline of the papers, which found it behind",
)
class AUCLoss(AnchorLoss):
    """AUC-Loss as a Keras loss; arguments as in `auc_loss`."""
