"""Which pixels of a side a resized one is made of, and their weights, in TensorFlow, to OpenCV's last digit."""

from typing import NamedTuple

import tensorflow as tf


class Taps(NamedTuple):
    """By pixel of a resized side of T the indices of those that it is made of, and their weights, [T, K] both."""

    index: tf.Tensor  # int32
    weight: tf.Tensor  # float32


def step(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Pixels of the source for one of the target, float64, rounded as OpenCV does: by way of the inverse."""
    return 1.0 / (tf.cast(target, tf.float64) / tf.cast(source, tf.float64))


def averaging(source: tf.Tensor, target: tf.Tensor, whole: tf.Tensor) -> Taps:
    """INTER_AREA: by the share of each pixel in the area, adding up to 1; where all are `whole`, each weighs 1."""
    scale, last = step(source, target), source - 1
    begin = tf.range(tf.cast(target, tf.float64), dtype=tf.float64) * scale
    end = begin + scale
    cell = tf.minimum(scale, tf.cast(source, tf.float64) - begin)
    behind = tf.minimum(tf.cast(tf.floor(end), tf.int32), last)
    inner = tf.minimum(tf.cast(tf.math.ceil(begin), tf.int32), behind)
    first_part, last_part = tf.cast(inner, tf.float64) - begin, end - tf.cast(behind, tf.float64)
    index = (inner - 1)[:, None] + tf.range(tf.reduce_max(behind - inner) + 2)
    share = tf.zeros_like(index, tf.float64)
    # What is below a thousandth of a pixel does not count.
    for here, part in (
        (index == (inner - 1)[:, None], tf.where(first_part > 1e-3, first_part, 0.0)),
        ((index >= inner[:, None]) & (index < behind[:, None]), tf.ones_like(cell)),
        (index == behind[:, None], tf.where(last_part > 1e-3, tf.minimum(tf.minimum(last_part, 1.0), cell), 0.0)),
    ):
        share = tf.where(here, (part / cell)[:, None], share)
    weight = tf.where(whole, tf.cast(share > 0, tf.float32), tf.cast(share, tf.float32))
    return Taps(tf.clip_by_value(index, 0, last), weight)


def interpolating(source: tf.Tensor, target: tf.Tensor, *, columns: bool) -> Taps:
    """INTER_LINEAR: the two nearest; beyond the edge `columns` take the last one whole, rows take it twice."""
    last = source - 1
    place = tf.cast(
        (tf.range(tf.cast(target, tf.float64), dtype=tf.float64) + 0.5) * step(source, target) - 0.5, tf.float32
    )
    below = tf.cast(tf.floor(place), tf.int32)
    share = place - tf.cast(below, tf.float32)
    if columns:
        share = tf.where((below < 0) | (below >= last), 0.0, share)
        below = tf.clip_by_value(below, 0, last)
    index = tf.clip_by_value(tf.stack([below, below + 1], axis=1), 0, last)
    return Taps(index, tf.stack([1.0 - share, share], axis=1))
