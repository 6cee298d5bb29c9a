"""Cross-entropy on the positives and the hardest negatives: OHEM, a baseline of the ranking papers."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_anchors, check_hyperparameters
from ..references import LIU
from ..tensors import Tensor

_MANY = 2.0e9  # more negatives than any batch has, and still an int32


def cross_entropy_ohem(labels: Tensor, scores: Tensor, *, negatives_per_positive: float = 3.0) -> Tensor:
    """Compute binary cross-entropy over the positives and the hardest negatives of the batch, divided by the positives.

    The hardest negatives are those with the highest scores, `negatives_per_positive` times as many as there are
    positives, rounded down (Liu et al., SSD, ECCV 2016, section 2.2). Those at the lowest score that still counts share
    what is left to it, so that the choice does not depend on their order.

    Gradient: exact away from ties; with respect to `scores` only.

    Args:
        labels: of any shape; this and `scores` as in `ap_loss`.
        negatives_per_positive: how many negatives count for each positive, at least 0.

    Returns:
        The loss, a float32 scalar, at least 0; 0, without a gradient, where there are no positives.

    Raises:
        ValueError, TypeError: as `ap_loss`.
    """
    check_hyperparameters(negatives_per_positive=negatives_per_positive)
    is_positive, is_negative, scores, sound = check_anchors(labels, scores)
    scores = tf.where(is_positive | is_negative, scores, 0)
    positives = tf.cast(_count(is_positive), tf.float32)
    wanted = tf.cast(tf.minimum(negatives_per_positive * positives, _MANY), tf.int32)
    share = _share_of_hardest(scores, is_negative, wanted)
    weight = tf.where(is_positive, 1.0, tf.stop_gradient(share))
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(is_positive, tf.float32), scores)
    return sound * tf.math.divide_no_nan(tf.reduce_sum(weight * entropy), positives)


def _share_of_hardest(scores: Tensor, is_negative: Tensor, wanted: Tensor) -> Tensor:
    """Tell how much of each entry counts, [N] in [0, 1], so that `wanted` negatives of the highest scores do."""
    bits = tf.where(scores == 0, 0, tf.bitcast(scores, tf.int32))  # −0 is 0
    # float32 bits in an order of int32; below every number where an entry is no negative
    keys = tf.where(bits >= 0, bits, tf.bitwise.bitwise_xor(bits, 0x7FFFFFFF))
    keys = tf.where(is_negative, keys, tf.int32.min)

    def try_bit(bit: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        higher = tf.bitwise.bitwise_or(threshold, tf.bitwise.left_shift(1, bit))
        return bit - 1, tf.where(_count(keys >= higher) >= wanted, higher, threshold)

    # the highest threshold that leaves enough, bit by bit from the sign down: no sort, fixed shapes
    sign = tf.where(_count(keys >= 0) >= wanted, 0, tf.int32.min)
    _, threshold = tf.while_loop(lambda bit, _: bit >= 0, try_bit, (30, sign))
    above, level = keys > threshold, is_negative & (keys == threshold)
    left, among = tf.cast(wanted - _count(above), tf.float32), tf.cast(_count(level), tf.float32)
    remaining = tf.math.divide_no_nan(left, among)
    return tf.where(above, 1.0, tf.where(level, tf.minimum(remaining, 1), 0))


def _count(mask: Tensor) -> Tensor:
    return tf.reduce_sum(tf.cast(mask, tf.int32))


@keras_loss(
    "cross_entropy_ohem",
    cross_entropy_ohem,
    "detection",
    "likelihood of positives and the hardest negatives",
    f"{LIU}, section 2.2",
)
class CrossEntropyOHEM(AnchorLoss):
    """Cross-entropy with hard-example mining as a Keras loss; arguments as in `cross_entropy_ohem`."""
