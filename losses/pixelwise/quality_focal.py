"""Quality focal loss: focal loss for scores that are to be the IoU of their boxes (Li et al., NeurIPS 2020)."""

import numpy as np
import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_hyperparameters
from ..references import LI
from ..tensors import Tensor
from .anchors import per_positive, read_targets

_LEAST = float(np.finfo(np.float32).tiny)


def quality_focal_loss(
    labels: Tensor, scores: Tensor, localization_quality: Tensor, *, beta: float = 2.0, scope: str = "global"
) -> Tensor:
    """Compute the quality focal loss, summed and divided by the number of positives.

    With the probability p and the target y, the IoU of a positive's box and 0 for a negative, it is
    |y − p|^β · cross-entropy(y, p).

    Gradient: exact; with respect to `scores` only. Where p = y it is 0, at the cusp of β < 1, too.

    Args:
        labels: of any shape; this and `scores` as in `ap_loss`.
        scores: logits of the same shape.
        localization_quality: as in `varifocal_loss`.
        beta: how much scores near their targets are faded out, above 0.
        scope: as in `varifocal_loss`.

    Returns:
        The loss, a float32 scalar, at least 0; without positives it is divided by 1.

    Raises:
        ValueError, TypeError: as `ap_loss`, and for `localization_quality`.
    """
    check_hyperparameters(beta=beta)
    anchors, quality = read_targets(labels, scores, localization_quality)
    below, above = tf.sigmoid(anchors.scores), tf.sigmoid(-anchors.scores)
    # |y − p|, from the end of [0, 1] where p has more digits
    distance = tf.abs(tf.where(anchors.scores < 0, below - quality, (1 - quality) - above))
    # nearer ones are subnormal: taken for 0 here and not there, where the slope of β < 1 would be infinite
    apart = distance >= _LEAST
    fading = tf.where(apart, tf.pow(tf.where(apart, distance, 1), beta), 0)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(quality, anchors.scores)
    return per_positive(fading * entropy, anchors, scope)


@keras_loss(
    "quality_focal",
    quality_focal_loss,
    "detection",
    "likelihood of the IoU as score, near ones faded out",
    f"{LI}, QFL",
    when="the same with every entry weighing by how wrong it is",
)
class QualityFocalLoss(AnchorLoss):
    """The quality focal loss as a Keras loss; arguments as in `quality_focal_loss`."""

    needs = "localization_quality"
    usual_box_loss = "giou"
