"""Weights of anchors, as KerasHub and KerasCV give them with the labels: they say which to leave out, and no more."""

from typing import Any

import tensorflow as tf

from .checks import shape_text
from .ranges import stop_unless
from .tensors import Tensor

_NEARLY = 0.01  # relative; half precision rounds by less


def labels_by_weight(labels: Tensor, scores: Tensor, sample_weight: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Label −1 what weighs 0, and give a scalar by which the loss is multiplied: 1, or NaN where weights are refused.

    All weights that are not 0 must be 1, or one over the number of positives, by which KerasHub and KerasCV divide what
    they add up: losses over anchors are divided already, so they are the same of both. Others would be of no effect.

    Args:
        labels: 1 positive, 0 negative, −1 or less ignored, of the shape of `scores`.
        scores: [B, A, C], say.
        sample_weight: of the same shape, or without the last axis of three or more, or with 1 there.
        name: what the loss is called.

    Raises:
        ValueError: weights of another shape; or of other values, outside of graphs. In a graph it is
            `tf.errors.InvalidArgumentError`, and under XLA the loss is NaN.
    """
    labels, scores = tf.convert_to_tensor(labels), tf.convert_to_tensor(scores)
    weight = tf.cast(tf.convert_to_tensor(sample_weight), tf.float32)
    weight = _beside(weight, scores, name)
    if labels.dtype.is_bool:
        labels = tf.cast(labels, tf.int8)
    elif labels.dtype.is_unsigned:
        labels = tf.cast(labels, tf.int64)
    counts = tf.not_equal(weight, 0)
    labels = tf.where(counts, labels, tf.constant(-1, labels.dtype))
    positives = tf.reduce_sum(tf.cast(tf.equal(labels, 1), tf.float32))
    fits = tf.constant(False)
    for unit in (weight, weight * positives):
        fits |= tf.reduce_all(tf.where(counts, tf.abs(unit - 1) < _NEARLY, True))
    # those that are 0 are none that is refused
    found: dict[str, Any] = {
        "found": tf.reduce_min(tf.where(counts, weight, tf.float32.max)),
        "to": tf.reduce_max(tf.where(counts, weight, tf.float32.min)),
        "with positives": positives,
    }
    sentence = (
        f"loss {name} ranks the batch as a whole and takes no sample_weight but 0, to ignore an anchor, and 1 or "
        "1 / positives for all others"
    )
    return labels, stop_unless(fits, sentence, found)


def _beside(weight: Tensor, scores: Tensor, name: str) -> Tensor:
    """Give weights an axis for classes where they have none; ValueError where they are not of entries or anchors."""
    rank, several = scores.shape.rank, (scores.shape.rank or 0) > 2
    given = weight[..., tf.newaxis] if several and weight.shape.rank == rank - 1 else weight
    same = rank is not None and given.shape.rank == rank and given.shape.is_compatible_with(scores.shape)
    of_anchors = several and given.shape.rank == rank and given.shape[-1] == 1
    if not (same or (of_anchors and given.shape[:-1].is_compatible_with(scores.shape[:-1]))):
        expected = f"{shape_text(scores.shape)}{' or that without the classes' if several else ''}"
        raise ValueError(
            f"loss {name} ranks the batch as a whole and takes no sample_weight but 0 or 1 of each anchor, "
            f"{expected}, got {shape_text(weight.shape)}: label entries to leave out -1"
        )
    return given
