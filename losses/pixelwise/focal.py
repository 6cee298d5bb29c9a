"""Focal loss, a baseline of the ranking papers."""

import keras
import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_hyperparameters
from ..references import LIN
from ..tensors import Tensor
from .anchors import per_positive, read_anchors


def binary_focal_loss(
    labels: Tensor, scores: Tensor, *, alpha: float = 0.25, gamma: float = 2.0, scope: str = "global"
) -> Tensor:
    """Compute the focal loss (Lin et al., ICCV 2017) as Keras does, summed and divided by the number of positives.

    Gradient: exact; with respect to `scores` only. Keras clips probabilities to [1e-7, 1 − 1e-7]: there is none beyond
    logits of about ±16.

    Args:
        labels: of any shape; this and `scores` as in `ap_loss`.
        alpha: weight of the positives, in [0, 1]; that of the negatives is 1 − alpha.
        gamma: how much easy entries are faded out, at least 0.
        scope: on several replicas: "global" divides by the positives of all, "replica" by those of each by itself.

    Returns:
        The loss, a float32 scalar, at least 0; without positives it is divided by 1.

    Raises:
        ValueError, TypeError: as `ap_loss`.
    """
    check_hyperparameters(alpha=alpha, gamma=gamma)
    anchors = read_anchors(labels, scores)
    targets = tf.cast(anchors.is_positive, tf.float32)[:, tf.newaxis]
    losses = keras.losses.binary_focal_crossentropy(
        targets, anchors.scores[:, tf.newaxis], apply_class_balancing=True, alpha=alpha, gamma=gamma, from_logits=True
    )
    return per_positive(losses, anchors, scope)


@keras_loss(
    "focal",
    binary_focal_loss,
    "detection",
    "likelihood, easy entries faded out",
    LIN,
    when="a baseline is wanted: what RetinaNet was made with",
)
class BinaryFocalLoss(AnchorLoss):
    """The focal loss as a Keras loss; arguments as in `binary_focal_loss`."""
