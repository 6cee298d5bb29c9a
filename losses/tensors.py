"""Small tables read and filled by index, in the forms that are fastest in graph mode and under XLA."""

import functools

import numpy as np
import tensorflow as tf


def size_of(tensor):
    """Return the number of elements, an int where the shape is known and a scalar int32 tensor where it is not."""
    size = tensor.shape.num_elements()
    return tf.size(tensor) if size is None else size


def least(*sizes):
    """Return the smallest of ints or scalar tensors; a tensor if one is."""
    return functools.reduce(tf.minimum, sizes) if any(map(tf.is_tensor, sizes)) else min(sizes)


def most(*sizes):
    """Return the largest of ints or scalar tensors; a tensor if one is."""
    return functools.reduce(tf.maximum, sizes) if any(map(tf.is_tensor, sizes)) else max(sizes)


def ceil_div(size, divisor):
    """Divide ints or scalar tensors, rounding up."""
    return -(-size // divisor)


def read(table, indices):
    """Return `table`, [K] or [K, ...], at int32 `indices` of any shape."""
    # on a CPU gather_nd takes two thirds of gather's time
    return tf.gather_nd(table, tf.expand_dims(indices, -1))


def sort(values):
    """Return float32 [K] in ascending order, and their places before, int32 [K]; equal ones keep their order."""
    negative, order = tf.math.top_k(-values, size_of(values))
    return -negative, order


def inverse_permutation(order):
    """Return where each index stands in `order`, a permutation of 0 to K − 1, int32 [K]."""
    # tf.math.invert_permutation takes minutes to compile under XLA
    return tf.scatter_nd(order[:, tf.newaxis], tf.range(size_of(order)), tf.shape(order))


def count_values(indices, size, weights=None):
    """Count `indices`, int32 [N], or add up their `weights`, per value below `size`: int32 or weights' dtype, [size].

    An index of `size` or more is left out; none may be negative.
    """
    if weights is None:
        weights = tf.zeros([0], tf.int32)
    elif weights.dtype == tf.float64 and tf.config.list_logical_devices("GPU"):
        # outside XLA a GPU has no kernel of the op below for float64
        kept = tf.where(indices < size, indices, -1)
        return tf.math.unsorted_segment_sum(weights, kept, size)
    # one pass on all cores; an unsorted segment sum takes ten times as long in graph mode
    return tf.raw_ops.DenseBincount(input=indices, size=size, weights=weights, binary_output=False)


def count_in_rows(indices, size):
    """Count `indices`, int32 [R, N], in each row, per value below `size`: int32 [R, size].

    An index of `size` or more is left out; none may be negative.
    """
    if indices.shape[0] == 1:
        # a single row is shared out to all cores, several of them are each counted by one
        return count_values(indices[0], size)[tf.newaxis]
    return tf.raw_ops.DenseBincount(input=indices, size=size, weights=tf.zeros([0], tf.int32), binary_output=False)


def place_in_rows(order, values):
    """Put `values`, float [R, K], at the places `order`, int32 [R, K], a permutation of 0 to K − 1 in each row."""
    if values.dtype == tf.float64 and tf.config.list_logical_devices("GPU"):
        # outside XLA a GPU has no kernel of the op below for float64
        rows, places = tf.unstack(tf.shape(order))
        flat = order + places * tf.range(rows)[:, tf.newaxis]
        return tf.reshape(tf.math.unsorted_segment_sum(values, flat, rows * places), [rows, places])
    # each place is named once: a sum is a move. A scatter takes fifteen times as long in graph mode
    return tf.raw_ops.DenseBincount(input=order, size=tf.shape(order)[1], weights=values, binary_output=False)


class Lookup:
    """Tells how many of E sorted, distinct edges a number reaches, by a table of evenly wide cells.

    Args:
        edges: float32 [E], ascending and distinct but for copies of `far` at the end. E > 0.
        far: the float that marks unused places; only what is infinite may be said to reach them.
        numbers: about how many numbers will be looked up, an int or a scalar int32 tensor.
    """

    def __init__(self, edges, far, numbers):
        count = size_of(edges)
        self._first = edges[0]
        used = edges < far
        last = tf.reduce_max(tf.where(used, edges, edges[0]))
        self._below = tf.math.nextafter(edges[0], tf.constant(-np.inf, tf.float32))
        # so many that few cells hold several edges, unless filling the table would take longer than searching
        cells = least(32 * least(count, 1 << 15), most(numbers // 8, 1 << 14))
        self._last_cell = tf.cast(cells - 1, tf.float32)
        self._cells_per_unit = tf.cast(cells, tf.float32) / tf.maximum(last - self._below, 1e-30)
        occupied = count_values(tf.where(used, self._cell(edges), cells), cells)
        self._start = tf.cumsum(occupied, exclusive=True)
        powers = tf.constant([1 << bit for bit in range(31)])
        self._stride = tf.reduce_max(tf.where(powers <= tf.reduce_max(occupied), powers, 1))
        # past the last edge stands what no number reaches
        self._edges = tf.concat([edges, tf.fill([count], np.float32(np.nan))], 0)

    def __call__(self, numbers, counted):
        """Look numbers up.

        Args:
            numbers: float32 [N]; NaN reaches no edge.
            counted: bool [N]; the others reach no edge.

        Returns:
            How many edges each reaches (edge <= number), int32 [N], and the numbers, [N], finite where that is 0.
        """
        numbers = tf.where(counted & (numbers >= self._first), numbers, self._below)
        reached = read(self._start, self._cell(numbers))
        step = lambda stride, reached: reached + stride * self._reaches(numbers, reached + (stride - 1))  # noqa: E731
        # the edges within the number's cell, by halving strides; where no cell holds more than three, two steps do
        _, reached = tf.while_loop(
            lambda stride, _: stride > 2,
            lambda stride, reached: (stride // 2, step(stride, reached)),
            (self._stride, reached),
        )
        reached = step(2, reached)
        return reached + self._reaches(numbers, reached), numbers

    def _cell(self, numbers):
        # a number never has a lower cell than a smaller one, and edges go through the same arithmetic: no search errs
        cell = (numbers - self._below) * self._cells_per_unit
        return tf.cast(tf.minimum(cell, self._last_cell), tf.int32)

    def _reaches(self, numbers, places):
        return tf.cast(read(self._edges, places) <= numbers, tf.int32)
