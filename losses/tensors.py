"""What is called a tensor here, and reads and counts by index in the forms that are fastest in graph mode and XLA."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

# TensorFlow and Keras carry no types, so that all of theirs is Any to a type checker. These names say what is meant.
Tensor: TypeAlias = Any  # as an argument of a public function also what can be converted to one, such as an array
Size: TypeAlias = Any  # an int where a shape is known, a scalar int32 tensor where it is not
Dtype: TypeAlias = Any
# What `tf.custom_gradient` takes: a value, or several, and the gradient as a function of the upstream gradient.
ValueAndGradient: TypeAlias = tuple[Any, Callable[..., Any]]


def size_of(tensor: Tensor) -> Size:
    """Return the number of elements."""
    size = tensor.shape.num_elements()
    return tf.size(tensor) if size is None else size


def in_xla() -> bool:
    """Tell whether what is traced is to be compiled by XLA, which has to know every size."""
    return bool(GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def is_whole(tensor: Tensor) -> bool:
    """Tell whether a tensor is known to hold whole numbers: by its dtype, or in a graph because it was cast from such.

    Keras makes floats of all targets.
    """
    if not tensor.dtype.is_floating:
        return True
    if tf.executing_eagerly():
        return False
    return tensor.op.type in ("Cast", "Squeeze", "Reshape", "StridedSlice", "Identity") and is_whole(
        tensor.op.inputs[0]
    )


def choose(condition: Any, one: Callable[[], Any], other: Callable[[], Any]) -> Any:
    """Compute one of two things of the same shapes: by a bool at once, by a scalar tensor when the graph runs."""
    if isinstance(condition, bool) or tf.executing_eagerly():
        return one() if condition else other()
    return tf.cond(condition, one, other)


def least(*sizes: Size) -> Size:
    """Return the smallest of ints or scalar tensors; a tensor if one is."""
    return functools.reduce(tf.minimum, sizes) if any(map(tf.is_tensor, sizes)) else min(sizes)


def most(*sizes: Size) -> Size:
    """Return the largest of ints or scalar tensors; a tensor if one is."""
    return functools.reduce(tf.maximum, sizes) if any(map(tf.is_tensor, sizes)) else max(sizes)


def ceil_div(size: Size, divisor: Size) -> Size:
    """Divide ints or scalar tensors, rounding up."""
    return -(-size // divisor)


def read(table: Tensor, indices: Tensor) -> Tensor:
    """Return `table`, [K] or [K, ...], at int32 `indices` of any shape."""
    # on a CPU gather_nd takes two thirds of gather's time
    return tf.gather_nd(table, tf.expand_dims(indices, -1))


def sort(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return float32 [K] in ascending order, and their places before, int32 [K]; equal ones keep their order."""
    negative, order = tf.math.top_k(-values, size_of(values))
    return -negative, order


def inverse_permutation(order: Tensor) -> Tensor:
    """Return where each index stands in `order`, a permutation of 0 to K − 1, int32 [K]."""
    # tf.math.invert_permutation takes minutes to compile under XLA
    return tf.scatter_nd(order[:, tf.newaxis], tf.range(size_of(order)), tf.shape(order))


def count_values(indices: Tensor, size: Size, weights: Tensor | None = None) -> Tensor:
    """Count `indices`, int32 [N], none negative, or add up their `weights`, per value below `size`: [size]."""
    if weights is None:
        weights = tf.zeros([0], tf.int32)
    elif weights.dtype == tf.float64 and tf.config.list_logical_devices("GPU"):
        # outside XLA a GPU has no kernel of the op below for float64
        kept = tf.where(indices < size, indices, -1)
        return tf.math.unsorted_segment_sum(weights, kept, size)
    # one pass on all cores; an unsorted segment sum takes ten times as long in graph mode
    return tf.raw_ops.DenseBincount(input=indices, size=size, weights=weights, binary_output=False)


def count_in_rows(indices: Tensor, size: Size) -> Tensor:
    """Count `indices`, int32 [R, N], in each row as `count_values` does: int32 [R, size]."""
    if indices.shape[0] == 1:
        # a single row is shared out to all cores, several of them are each counted by one
        return count_values(indices[0], size)[tf.newaxis]
    return tf.raw_ops.DenseBincount(input=indices, size=size, weights=tf.zeros([0], tf.int32), binary_output=False)


def add_in_rows(indices: Tensor, weights: Tensor, size: Size) -> Tensor:
    """Add up `weights`, float [R, N], per value of `indices`, int32 [R, N], in each row: [R, size]."""
    if indices.shape[0] == 1:
        return count_values(indices[0], size, weights[0])[tf.newaxis]
    if weights.dtype == tf.float64 and tf.config.list_logical_devices("GPU"):
        # as in `count_values`
        rows = tf.shape(indices)[0]
        flat = indices + size * tf.range(rows)[:, tf.newaxis]
        return tf.reshape(tf.math.unsorted_segment_sum(weights, flat, rows * size), [rows, size])
    return tf.raw_ops.DenseBincount(input=indices, size=size, weights=weights, binary_output=False)


def place_in_rows(order: Tensor, values: Tensor) -> Tensor:
    """Put `values`, float [R, K], at the places `order`, int32 [R, K], a permutation of 0 to K − 1 in each row."""
    if values.dtype == tf.float64 and tf.config.list_logical_devices("GPU"):
        # outside XLA a GPU has no kernel of the op below for float64
        rows, places = tf.unstack(tf.shape(order))
        flat = order + places * tf.range(rows)[:, tf.newaxis]
        return tf.reshape(tf.math.unsorted_segment_sum(values, flat, rows * places), [rows, places])
    # each place is named once: a sum is a move. A scatter takes fifteen times as long in graph mode
    return tf.raw_ops.DenseBincount(input=order, size=tf.shape(order)[1], weights=values, binary_output=False)
