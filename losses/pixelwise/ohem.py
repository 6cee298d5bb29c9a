"""Cross-entropy on the positives and the hardest negatives: OHEM, a baseline of the ranking papers."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..checks import check_anchors, check_hyperparameters
from ..references import LIU
from ..replicas import Replicas
from ..tensors import Tensor, count_values

_MANY = 2.0e9  # more negatives than any batch has, and still an int32
_DIGITS = ((21, 11), (10, 11), (0, 10))  # of 32 bits: where each begins, and how many bits it has


def cross_entropy_ohem(
    labels: Tensor, scores: Tensor, *, negatives_per_positive: float = 3.0, scope: str = "global"
) -> Tensor:
    """Compute binary cross-entropy over the positives and the hardest negatives of the batch, divided by the positives.

    The hardest negatives are those with the highest scores, `negatives_per_positive` times as many as there are
    positives, rounded down (Liu et al., SSD, ECCV 2016, section 2.2). Those at the lowest score that still counts share
    what is left to it, so that the choice does not depend on their order.

    Gradient: exact away from ties; with respect to `scores` only.

    Args:
        labels: of any shape; this and `scores` as in `ap_loss`.
        negatives_per_positive: how many negatives count for each positive, at least 0.
        scope: on several replicas: "global" takes the hardest negatives of all, "replica" of each by itself.

    Returns:
        The loss, a float32 scalar, at least 0; 0, without a gradient, where there are no positives.

    Raises:
        ValueError, TypeError: as `ap_loss`.
    """
    check_hyperparameters(negatives_per_positive=negatives_per_positive)
    is_positive, is_negative, scores, sound = check_anchors(labels, scores)
    scores = tf.where(is_positive | is_negative, scores, 0)
    replicas = Replicas(scope)
    positives = tf.cast(replicas.sum(_count(is_positive)), tf.float32)
    wanted = tf.cast(tf.minimum(negatives_per_positive * positives, _MANY), tf.int32)
    share = _share_of_hardest(scores, is_negative, wanted, replicas)
    weight = tf.where(is_positive, 1.0, tf.stop_gradient(share))
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(is_positive, tf.float32), scores)
    return replicas.share(sound * tf.math.divide_no_nan(tf.reduce_sum(weight * entropy), positives))


def _share_of_hardest(scores: Tensor, is_negative: Tensor, wanted: Tensor, replicas: Replicas) -> Tensor:
    """Tell how much of each entry counts, [N] in [0, 1], so that `wanted` negatives of the highest scores do."""
    bits = tf.where(scores == 0, 0, tf.bitcast(scores, tf.int32))  # −0 is 0
    # float32 bits in an order of int32; below every number where an entry is no negative
    keys = tf.where(bits >= 0, bits, tf.bitwise.bitwise_xor(bits, 0x7FFFFFFF))
    keys = tf.where(is_negative, keys, tf.int32.min)
    if replicas.joined == 1:
        threshold = _threshold_by_bits(keys, wanted)
    else:
        threshold, left, among = _threshold_by_digits(keys, is_negative, wanted, replicas)
    above, level = keys > threshold, is_negative & (keys == threshold)
    if replicas.joined == 1:
        left, among = wanted - _count(above), _count(level)
    remaining = tf.math.divide_no_nan(tf.cast(left, tf.float32), tf.cast(among, tf.float32))
    return tf.where(above, 1.0, tf.where(level, tf.minimum(remaining, 1), 0))


def _threshold_by_bits(keys: Tensor, wanted: Tensor) -> Tensor:
    """Return the highest key that leaves enough negatives."""

    def try_bit(bit: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        higher = tf.bitwise.bitwise_or(threshold, tf.bitwise.left_shift(1, bit))
        return bit - 1, tf.where(_count(keys >= higher) >= wanted, higher, threshold)

    # bit by bit from the sign down: no sort, fixed shapes
    sign = tf.where(_count(keys >= 0) >= wanted, 0, tf.int32.min)
    return tf.while_loop(lambda bit, _: bit >= 0, try_bit, (30, sign))[1]


def _threshold_by_digits(
    keys: Tensor, is_negative: Tensor, wanted: Tensor, replicas: Replicas
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the highest key that leaves enough of the negatives of all replicas, in three messages, digit by digit.

    Also how many negatives of that key are wanted, and how many there are.
    """
    unsigned = tf.bitcast(tf.bitwise.bitwise_xor(keys, tf.int32.min), tf.uint32)
    within, found, left, counts = is_negative, tf.constant(0, tf.uint32), tf.cast(wanted, tf.int64), None
    for shift, bits in _DIGITS:
        digit = tf.bitwise.bitwise_and(tf.bitwise.right_shift(unsigned, shift), (1 << bits) - 1)
        within_digit = tf.where(within, tf.cast(digit, tf.int32), 1 << bits)
        # more than an int32 may hold, everywhere together
        counts = replicas.sum(tf.cast(count_values(within_digit, 1 << bits), tf.int64))
        reached = tf.concat([tf.cumsum(counts, reverse=True), [0]], 0)
        chosen = tf.maximum(_count(reached[:-1] >= left) - 1, 0)
        left, counts = left - reached[chosen + 1], counts[chosen]
        within &= digit == tf.cast(chosen, tf.uint32)
        found = tf.bitwise.bitwise_or(found, tf.bitwise.left_shift(tf.cast(chosen, tf.uint32), shift))
    return tf.bitwise.bitwise_xor(tf.bitcast(found, tf.int32), tf.int32.min), left, counts


def _count(mask: Tensor) -> Tensor:
    return tf.reduce_sum(tf.cast(mask, tf.int32))


@keras_loss(
    "cross_entropy_ohem",
    cross_entropy_ohem,
    "detection",
    "likelihood of positives and the hardest negatives",
    f"{LIU}, section 2.2",
    when="a baseline is wanted: SSD's, of the hardest negatives",
)
class CrossEntropyOHEM(AnchorLoss):
    """Cross-entropy with hard-example mining as a Keras loss; arguments as in `cross_entropy_ohem`."""
