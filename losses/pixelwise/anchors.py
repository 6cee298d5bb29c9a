"""What losses of single anchors share: which of them count, and that their sum is divided by the positives."""

from typing import NamedTuple

import tensorflow as tf

from ..checks import check_anchors, check_quality
from ..replicas import Replicas
from ..tensors import Tensor


class Anchors(NamedTuple):
    """The entries of a batch, in a row."""

    is_positive: Tensor  # bool [N]
    counted: Tensor  # bool [N], whether an entry is positive or negative, and not ignored
    scores: Tensor  # float32 [N], 0 where an entry is ignored
    sound: Tensor  # a scalar by which the loss is multiplied: 1, or NaN where a value is refused


def read_anchors(labels: Tensor, scores: Tensor) -> Anchors:
    """Bring labels and scores of any shape in a row; ValueError and TypeError as `check_anchors`."""
    is_positive, is_negative, scores, sound = check_anchors(labels, scores)
    counted = is_positive | is_negative
    # ignored scores may be anything: replaced before, so that no NaN comes back through the gradient
    return Anchors(is_positive, counted, tf.where(counted, scores, 0), sound)


def read_targets(labels: Tensor, scores: Tensor, localization_quality: Tensor) -> tuple[Anchors, Tensor]:
    """Give the entries, and the score that each is to have, float32 [N]: the IoU of a positive's box, else 0."""
    anchors = read_anchors(labels, scores)
    quality, sound = check_quality(localization_quality, scores, anchors.is_positive)
    return anchors._replace(sound=anchors.sound * sound), quality


def per_positive(losses: Tensor, anchors: Anchors, scope: str) -> Tensor:
    """Sum the losses of the entries that count, [N], and divide by the number of positives, at least 1.

    On several replicas it is an equal share of that, of the positives of all or of this one, as `scope` says.
    """
    replicas = Replicas(scope)
    positives = replicas.sum(tf.reduce_sum(tf.cast(anchors.is_positive, tf.int32)))
    loss = tf.reduce_sum(tf.where(anchors.counted, losses, 0)) / tf.cast(tf.maximum(positives, 1), tf.float32)
    return replicas.share(anchors.sound * loss)
