"""Cross-entropy of anchors, a baseline of the ranking papers: each by itself, or of a softmax with the background."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_anchors, check_hyperparameters, shape_text
from ..ranges import refuse_outside
from ..references import REN
from ..replicas import Replicas
from ..tensors import Tensor


def anchor_cross_entropy(labels: Tensor, scores: Tensor, *, exclusive: bool = False, scope: str = "global") -> Tensor:
    """Compute the cross-entropy averaged over the entries that count, positives and negatives (Ren et al., eq. 1).

    With `exclusive` the last axis is that of C classes which exclude each other, as those of a two-stage detector's
    regions: a row without a positive is background, whose logit is 0 in a softmax over C + 1, and the average is over
    rows. With C = 1 both are the same.

    Gradient: exact; with respect to `scores` only.

    Args:
        labels: of any shape; this and `scores` as in `ap_loss`. With `exclusive` at most one of a row is positive,
            and a row with an ignored label is ignored.
        exclusive: whether the last axis is that of a softmax; of entries by themselves otherwise.
        scope: on several replicas: "global" averages over the entries of all, "replica" over those of each by itself.

    Returns:
        The loss, a float32 scalar, at least 0; 0, without a gradient, where nothing counts.

    Raises:
        ValueError, TypeError: as `ap_loss`, and where a row of `exclusive` has several positives.
    """
    check_hyperparameters(exclusive=exclusive)
    is_positive, is_negative, flat, sound = check_anchors(labels, scores)
    shape = tf.convert_to_tensor(scores).shape
    classes = (shape[-1] if shape.rank else None) if exclusive else 1
    if not classes:
        raise ValueError(f"scores must have a last axis of classes where exclusive is set, got {shape_text(shape)}")
    positive = tf.reshape(tf.cast(is_positive, tf.float32), [-1, classes])
    if classes > 1:
        sentence = "labels of a row must hold one positive at most where classes are exclusive: leave exclusive out"
        sound *= refuse_outside(tf.reduce_sum(positive, axis=1), 0, 1, sentence)
    counted = tf.reduce_all(tf.reshape(is_positive | is_negative, [-1, classes]), axis=1, keepdims=True)
    # ignored scores may be anything: replaced before, so that no NaN comes back through the gradient
    logits = tf.where(counted, tf.reshape(flat, [-1, classes]), 0)
    entropy = tf.reduce_logsumexp(tf.pad(logits, [[0, 0], [1, 0]]), axis=1) - tf.reduce_sum(positive * logits, axis=1)
    weight = tf.cast(counted[:, 0], tf.float32)
    replicas = Replicas(scope)
    number = replicas.sum(tf.reduce_sum(weight))
    return replicas.share(sound * tf.math.divide_no_nan(tf.reduce_sum(weight * entropy), number))


def exclusive_log_odds(logits: Tensor) -> Tensor:
    """Turn the logits [..., C] of a softmax over C classes and a background of logit 0 into the log-odds of each.

    The sigmoid of what it gives is each class's share of the softmax.
    """
    classes = logits.shape[-1]
    # of each class by itself those of all others, the background's among them
    others = tf.where(tf.eye(classes, dtype=tf.bool), tf.constant(-1e30, logits.dtype), logits[..., tf.newaxis, :])
    largest = tf.maximum(tf.reduce_max(others, axis=-1), 0)
    powers = tf.reduce_sum(tf.exp(others - largest[..., tf.newaxis]), axis=-1) + tf.exp(-largest)
    return logits - largest - tf.math.log(powers)


@keras_loss(
    "anchor_cross_entropy",
    anchor_cross_entropy,
    "detection",
    "likelihood of each entry",
    f"{REN}, eq. 1",
    when="a network of two stages draws a sample, as Faster R-CNN; called cross_entropy at --loss",
)
class AnchorCrossEntropy(AnchorLoss):
    """Cross-entropy of anchors as a Keras loss; arguments as in `anchor_cross_entropy`."""
