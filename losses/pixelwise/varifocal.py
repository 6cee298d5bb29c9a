"""Varifocal loss: the score of a positive is to be its IoU, and negatives are faded out (Zhang et al., CVPR 2021)."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_hyperparameters
from ..references import ZHANG
from ..tensors import Tensor
from .anchors import per_positive, read_targets


def varifocal_loss(
    labels: Tensor,
    scores: Tensor,
    localization_quality: Tensor,
    *,
    alpha: float = 0.75,
    gamma: float = 2.0,
    scope: str = "global",
) -> Tensor:
    """Compute the varifocal loss (eq. 2), summed and divided by the number of positives.

    With the probability p and the IoU q of a positive's box it is q · cross-entropy(q, p), and −α p^γ log(1 − p) for a
    negative. A positive whose box misses its object, q = 0, counts as a negative, as eq. 2 says.

    Gradient: exact; with respect to `scores` only.

    Args:
        labels: of any shape; this and `scores` as in `ap_loss`.
        scores: logits of the same shape.
        localization_quality: float of the same shape, or with 1 as its last axis where all classes share a box: the IoU
            of each box, in [0, 1]. Only that of positives is read, and it is a target: no gradient.
        alpha: weight of the negatives, at least 0.
        gamma: how much easy negatives are faded out, at least 0.
        scope: on several replicas: "global" divides by the positives of all, "replica" by those of each by itself.

    Returns:
        The loss, a float32 scalar, at least 0; without positives it is divided by 1.

    Raises:
        ValueError, TypeError: as `ap_loss`, and for `localization_quality`.
    """
    check_hyperparameters(alpha=alpha, gamma=gamma)
    anchors, quality = read_targets(labels, scores, localization_quality)
    # p^γ by its logarithm: the gradient is finite at every logit, for every γ
    fading = alpha * tf.exp(gamma * tf.math.log_sigmoid(anchors.scores))
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(quality, anchors.scores)
    return per_positive(tf.where(quality > 0, quality, fading) * entropy, anchors, scope)


@keras_loss(
    "varifocal",
    varifocal_loss,
    "detection",
    "likelihood of the IoU as score",
    f"{ZHANG}, eq. 2",
    when="scores are to tell the IoU, positives weighing more; what many detectors train with today",
)
class VarifocalLoss(AnchorLoss):
    """The varifocal loss as a Keras loss; arguments as in `varifocal_loss`."""

    needs = "localization_quality"
    usual_box_loss = "giou"
