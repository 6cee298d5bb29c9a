"""Few of the many: which anchors and regions a loss without ranking looks at, drawn anew in every step."""

import tensorflow as tf

from .....losses.replicas import replica_context
from ....geometry import IGNORED
from ..matching import BACKGROUND, Targets

ANCHORS = (256, 0.5)
"""How many anchors of a picture, and the largest share of positives among them (Ren et al., section 3.1.3)."""
REGION_SHARE = 0.25
"""Largest share of positives among a picture's regions (Girshick, Fast R-CNN, section 2.3)."""


def region_sample(proposals: int) -> tuple[int, float]:
    """Tell how many regions of a picture, and the largest share of positives among them: half of the proposals."""
    return max(1, min(512, proposals // 2)), REGION_SHARE


def sampled(targets: Targets, wanted: tuple[int, float], seed: tf.Tensor) -> Targets:
    """Ignore all but a random choice of each picture's positives and negatives.

    Of (count, share) `count` are left: positives up to their share, one at least, and negatives for the rest; fewer
    where there are not as many. The same seed, integer [2], gives the same choice; several devices draw what one would.
    """
    count, share = wanted
    keys, labels = _draw(targets.labels, seed), targets.labels
    positive = _first(labels >= 0, keys, tf.constant(max(1, int(count * share))))
    left = count - tf.reduce_sum(tf.cast(positive, tf.int32), axis=1, keepdims=True)
    negative = _first(labels == BACKGROUND, keys, left)
    return targets._replace(labels=tf.where(positive | negative, labels, IGNORED))


def _first(among: tf.Tensor, keys: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Tell which of those `among` [B, N] have the lowest keys, `count` at most."""
    order = tf.argsort(tf.where(among, keys, 2**30), axis=1, stable=True)
    place = tf.argsort(order, axis=1, stable=True)
    return among & (place < count)


def _draw(labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draw a number below 2^30, int32, for each of [B, N]; several devices draw what one would for their pictures."""
    context, own = replica_context(), tf.shape(labels)[0]
    replicas = 1 if context is None else int(context.num_replicas_in_sync)
    shape = [replicas * own, labels.shape[1]]
    # XLA makes other fractions of the same bits.
    bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
    keys = tf.bitwise.right_shift(bits, 1)
    if context is None:
        return keys
    begin = context.replica_id_in_sync_group * own
    return keys[begin : begin + own]
