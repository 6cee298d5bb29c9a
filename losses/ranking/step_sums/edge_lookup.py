"""How many of some sorted edges a number reaches, by a table of cells."""

import numpy as np
import tensorflow as tf

from ...tensors import Size, Tensor, count_values, least, most, read, size_of


class EdgeLookup:
    """Tells how many sorted edges a number reaches, by a table of evenly wide cells.

    The edges, float32 [E] with E > 0, are distinct but for copies of `far` at the end, which only what is infinite may
    be said to reach. About so many `numbers` will be looked up.
    """

    def __init__(self, edges: Tensor, far: float, numbers: Size) -> None:
        count = size_of(edges)
        self.edges, self._first = edges, edges[0]
        used = edges < far
        last = tf.reduce_max(tf.where(used, edges, edges[0]))
        # subnormal numbers are taken for 0: the next one below 0 is not
        below = tf.math.nextafter(edges[0], tf.constant(-np.inf, tf.float32))
        self._below = tf.minimum(below, self._first - np.finfo(np.float32).tiny)
        # so many that few cells hold several edges, unless filling the table would take longer than searching
        cells = least(32 * least(count, 1 << 15), most(numbers // 8, 1 << 14))
        self._last_cell = tf.cast(cells - 1, tf.float32)
        self._cells_per_unit = tf.cast(cells, tf.float32) / tf.maximum(last - self._below, 1e-30)
        occupied = count_values(tf.where(used, self._cell(edges), cells), cells)
        self._start = tf.cumsum(occupied, exclusive=True)
        powers = tf.constant([1 << bit for bit in range(31)])
        self._stride = tf.reduce_max(tf.where(powers <= tf.reduce_max(occupied), powers, 1))
        # past the last edge stands what no number reaches
        self._ended = tf.concat([edges, tf.fill([count], np.float32(np.nan))], 0)

    def __call__(self, numbers: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many edges (<= number) each reaches, int32 [N], and the numbers, [N], finite where that is 0.

        NaN and what is not `counted`, bool [N], reach no edge.
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

    def _cell(self, numbers: Tensor) -> Tensor:
        # a number never has a lower cell than a smaller one, and edges go through the same arithmetic: no search errs
        cell = (numbers - self._below) * self._cells_per_unit
        return tf.cast(tf.minimum(cell, self._last_cell), tf.int32)

    def _reaches(self, numbers: Tensor, places: Tensor) -> Tensor:
        return tf.cast(read(self._ended, places) <= numbers, tf.int32)
