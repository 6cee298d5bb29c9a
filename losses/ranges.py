"""Values that a loss is not told of are refused: in a sentence where they can be seen, else by a loss of NaN.

Called eagerly, a loss looks at every value. In a graph it looks at the first pictures of each batch, so that it costs
nothing, and TensorFlow stops with the sentence. What XLA compiles cannot stop for a value: there the loss becomes NaN.
"""

from typing import Any

import tensorflow as tf

from .tensors import Dtype, Tensor

_LOOKED_AT = 2**16  # values of a batch in a graph, and at least one picture
ALMOST = 1e-3  # by how much a probability may miss 0 and 1: interpolation and half precision do
_REMEDY = "divide masks of 0 and 255 by 255, and name a number that marks what to leave out as ignore_label"


def first_pictures(values: Tensor) -> Tensor:
    """Take of [B, ...] in a graph the first that hold so many values together, at least one; outside of graphs all."""
    if tf.executing_eagerly() or not values.shape.rank:
        return values
    each = values.shape[1:].num_elements()
    if each is None:
        each = tf.maximum(tf.reduce_prod(tf.shape(values)[1:]), 1)
        return values[: tf.maximum(_LOOKED_AT // each, 1)]
    return values[: max(_LOOKED_AT // max(each, 1), 1)]


def refuse_outside(
    values: Tensor, low: float, high: float, sentence: str, *, whole: bool = False, dtype: Dtype = tf.float32
) -> Tensor:
    """Give 1, or where a value does not lie in [low, high] NaN, by which the loss is multiplied.

    Args:
        values: what is looked at, all of it.
        low: the least value that is allowed.
        high: the largest.
        sentence: what was expected, and what to do.
        whole: whether fractions are refused, too.
        dtype: of the result.

    Raises:
        ValueError: there is such a value, and this is not a graph. In a graph `tf.errors.InvalidArgumentError` comes
            when it runs.
    """
    if values.dtype.is_bool:
        return tf.ones([], dtype)
    least, largest = tf.reduce_min(values), tf.reduce_max(values)
    # Each value is compared, not the extremes: XLA's, on the CPU, pass over NaN.
    fits = tf.reduce_all((values >= tf.cast(low, values.dtype)) & (values <= tf.cast(high, values.dtype)))
    if whole and values.dtype.is_floating:
        fits &= tf.reduce_all(tf.equal(values, tf.floor(values)))
    return stop_unless(fits, sentence, {"found": least, "to": largest}, dtype)


def stop_unless(fits: Tensor, sentence: str, found: dict[str, Tensor], dtype: Dtype = tf.float32) -> Tensor:
    """Give 1 where a fact holds, else NaN; outside of XLA say the sentence and the scalars that were found instead."""
    if tf.executing_eagerly():
        if not fits:
            numbers = " ".join(f"{word} {_written(number)}" for word, number in found.items())
            raise ValueError(f"{sentence} ({numbers})")
        return tf.ones([], dtype)
    told: list[Any] = [f"{sentence};"]
    for word, number in found.items():
        told += [word, number]
    tf.raw_ops.Assert(condition=fits, data=told)
    return tf.where(fits, tf.ones([], dtype), tf.constant(float("nan"), dtype))


def refuse_masks(labels: Tensor, dtype: Dtype, *, soft: bool) -> Tensor:
    """Refuse labels, 0 where they do not count, that are not 0 and 1, or where `soft` something between."""
    sides = "hold 0 and 1 and nothing between, the two sides of a hinge (lovasz_softmax takes shares)"
    range_of = "lie in 0 to 1, background to foreground" if soft else sides
    return refuse_outside(labels, 0, 1, f"y_true must {range_of}: {_REMEDY}", whole=not soft, dtype=dtype)


def refuse_numbers(labels: Tensor, classes: int, dtype: Dtype) -> Tensor:
    """Refuse labels, 0 where they do not count, that are not numbers of classes."""
    numbers = f"the whole numbers of {classes} classes, 0 to {classes - 1}"
    sentence = f"y_true must hold {numbers}: subtract 1 where they begin at 1, {_REMEDY}"
    return refuse_outside(labels, 0, classes - 1, sentence, whole=True, dtype=dtype)


def refuse_scores(prediction: Tensor, dtype: Dtype) -> Tensor:
    """Refuse predictions, 0 where they do not count, that are no probabilities; NaN is left to the loss."""
    prediction = tf.where(tf.math.is_nan(prediction), tf.zeros_like(prediction), prediction)
    sentence = "y_pred must hold probabilities, 0 to 1: for logits set from_logits=True, or end the model in a sigmoid"
    return refuse_outside(prediction, -ALMOST, 1 + ALMOST, sentence, dtype=dtype)


def read_bytes(labels: Tensor, ignore_label: Any = None) -> Tensor:
    """Take 255 for 1 in masks of bytes that hold nothing else than 0, 255 and `ignore_label`; others stay."""
    labels = tf.convert_to_tensor(labels)
    if labels.dtype != tf.uint8 or ignore_label == 255:
        return labels
    masks, counted = tf.minimum(labels, 1), labels
    if ignore_label is not None and 0 <= ignore_label < 255:
        kept = tf.cast(ignore_label, tf.uint8)
        masks = tf.where(labels == kept, kept, masks)
        counted = tf.where(labels == kept, tf.zeros([], tf.uint8), labels)
    # of bytes, 0 − 1 is 255
    return tf.where(tf.reduce_min(counted - 1) >= 254, masks, labels)


def _written(number: Tensor) -> str:
    return f"{float(number):g}"
