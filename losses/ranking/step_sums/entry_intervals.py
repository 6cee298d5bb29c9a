"""Passes over all N entries of a batch, in blocks: find each one's interval, add up, and evaluate lines."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ...tensors import Dtype, Size, Tensor, ceil_div, count_values, least, most, read, size_of
from .double_float import (
    FloatPair,
    Precise,
    keep_where,
    map_parts,
    precise,
    precise_counts,
    summed,
    to_float32,
    unstack_parts,
)
from .edge_lookup import EdgeLookup

_ALIGNED = 64  # where a slice may begin that is not to be copied
BLOCK = 1 << 17  # entries at a time: their temporaries stay in the cache, and the cores busy


class EntryIntervals:
    """The entries that count, each in one of E intervals, which begin at sorted edges, or below the first edge.

    Its precise numbers are float64. It matters how far entries are from the edges of the `opened` intervals, bool [E];
    `inverse` is 1 / 2δ, and `block` how many entries are looked at at a time.
    """

    _float64 = True
    _sum_dtypes: tuple[Dtype, ...] = (tf.float64,)

    def __init__(
        self, scores: Tensor, counted: Tensor, lookup: EdgeLookup, opened: Tensor, inverse: float, block: int
    ) -> None:
        self._scores, self._edges, self._open, self._inverse = scores, lookup.edges, opened, inverse
        self._entries, self._bins = size_of(scores), size_of(lookup.edges) + 1
        self._block, self._blocks = self._blocking(block)
        whole = self._block * self._blocks
        self._even = not tf.is_tensor(whole) and whole == self._entries
        self._prepare()

        def find(index: Tensor, intervals: Any, counts: Tensor, *sums: Tensor) -> tuple[Any, ...]:
            begin = self._begin(index)
            scores = tf.slice(self._scores, [begin], [self._block])
            here = tf.slice(counted, [begin], [self._block])
            if not self._even:
                # the last block reaches back over entries of the one before
                here &= tf.range(self._block) >= index * self._block - begin
            interval, scores = lookup(scores, here)
            counts += count_values(interval, self._bins)
            return index + 1, intervals.write(index, interval), counts, *self._add(sums, interval, scores)

        intervals = self._array(tf.int32)
        nothing = [tf.zeros([self._bins], dtype) for dtype in (tf.int32, *self._sum_dtypes)]
        _, self._intervals, counts, *sums = self._loop(find, (0, intervals, *nothing))
        # the entries in each interval, precise [E], and what was added up of them
        self.counts = precise_counts(counts[1:], self._float64)
        self._sums = self._joined(*(each[1:] for each in sums))

    def add_up(self, total: Callable[[Tensor], Tensor]) -> None:
        """Count the entries of all replicas: `total` adds up a tensor over them."""
        both = map_parts(lambda *parts: tf.stack(parts), self.counts, self._sums)
        self.counts, self._sums = unstack_parts(summed(both, total), axis=0)

    def moments(self, origin: Precise) -> Precise:
        """Return Σ (x − origin) / 2δ over each open interval, precise [E], from precise [E]; 0 in the others."""
        return keep_where(self._open, (self._sums - self.counts * origin) * self._inverse)

    def lines(self, height: Precise, slope: Precise) -> Tensor:
        """Evaluate one line per interval at its entries, float32 [N]; exactly 0 below the first edge or not counted.

        A line has `height`, precise [E], at the edge, and rises by `slope` over 2δ: 0 where the interval is not open.
        """
        one_number = self._edges[1:] <= tf.math.nextafter(self._edges[:-1], self._edges[1:])
        # an interval with a single number needs no slope, which might be beyond float64's digits
        slope = keep_where(~tf.concat([one_number, [False]], 0), slope) * self._inverse
        shift = tf.concat([[0.0], height - slope * tf.cast(self._edges, tf.float64)], 0)
        slope = tf.concat([[0.0], slope], 0)

        def evaluate(scores: Tensor, interval: Tensor) -> Tensor:
            rise = tf.raw_ops.MulNoNan(x=tf.cast(scores, tf.float64), y=read(slope, interval))
            return tf.cast(read(shift, interval) + rise, tf.float32)

        return self._at_entries(evaluate)

    def _prepare(self) -> None:
        pass

    def _joined(self, *sums: Tensor) -> Precise:
        return sums[0]

    def _add(self, sums: tuple[Tensor, ...], interval: Tensor, scores: Tensor) -> list[Tensor]:
        # the places themselves: float64 holds the sum of 2^29 float32 of like size without rounding
        return [sums[0] + count_values(interval, self._bins, tf.cast(scores, tf.float64))]

    def _blocking(self, block: int) -> tuple[Size, Size]:
        """Return the size of a block and the number of blocks, ints where the shapes are known."""
        entries = self._entries
        blocks = most(ceil_div(entries, self._wanted(block)), 1)
        if not tf.is_tensor(blocks):
            # best is a division without a rest, for which nothing has to be put together
            blocks = next((more for more in range(blocks, 2 * blocks) if entries % (more * _ALIGNED) == 0), blocks)
        size = least(_ALIGNED * ceil_div(ceil_div(entries, blocks), _ALIGNED), entries)
        return size, most(ceil_div(entries, most(size, 1)), 1)

    def _wanted(self, block: int) -> Size:
        # with many intervals the bins of a block cost as much as its entries
        return most(block, self._bins)

    def _begin(self, index: Tensor) -> Tensor:
        return tf.minimum(index * self._block, self._entries - self._block)

    def _array(self, dtype: Dtype) -> Any:
        shape = [None if tf.is_tensor(self._block) else self._block]
        return tf.TensorArray(dtype, self._blocks, element_shape=shape, infer_shape=False, clear_after_read=False)

    def _loop(self, body: Callable[..., Any], start: tuple[Any, ...]) -> Any:
        return tf.while_loop(lambda index, *_: index < self._blocks, body, start, parallel_iterations=4)

    def _at_entries(self, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return float32 [N] of function(scores, interval), block by block."""

        def evaluate(index: Tensor, values: Any) -> tuple[Tensor, Any]:
            scores = tf.slice(self._scores, [self._begin(index)], [self._block])
            return index + 1, values.write(index, function(scores, self._intervals.read(index)))

        _, values = self._loop(evaluate, (0, self._array(tf.float32)))
        values = values.concat()
        if self._even:
            return values
        last = (self._blocks - 1) * self._block
        return tf.concat([values[:last], values[self._blocks * self._block - (self._entries - last) :]], 0)


class EntryIntervalsInFloatPairs(EntryIntervals):
    """`EntryIntervals` without float64: precise numbers are pairs of float32.

    Offsets from the edge, as shares of 2δ, are summed as two digits of 14 bits in int32 and a rest in float32.
    """

    _float64 = False
    _sum_dtypes = (tf.float32, tf.float32)

    def moments(self, origin: Precise) -> Precise:
        """Return what `EntryIntervals.moments` does."""
        from_edge = (precise(self._edges, float64=False) - origin) * precise(self._inverse, float64=False)
        return keep_where(self._open, self.counts * from_edge + self._sums)

    def lines(self, height: Precise, slope: Precise) -> Tensor:
        """Return what `EntryIntervals.lines` does."""
        height, slope = (tf.concat([[0.0], to_float32(number)], 0) for number in (height, slope))

        def evaluate(scores: Tensor, interval: Tensor) -> Tensor:
            rise = tf.raw_ops.MulNoNan(x=self._offset(scores, interval), y=read(slope, interval))
            return read(height, interval) + rise

        return self._at_entries(evaluate)

    def _prepare(self) -> None:
        nowhere = tf.constant(float("inf"))  # offsets from there are 0
        self._left = tf.concat([[nowhere], tf.where(self._open, self._edges, nowhere)], 0)

    def _joined(self, *sums: Tensor) -> Precise:
        return FloatPair(*sums)

    def _add(self, sums: tuple[Tensor, ...], interval: Tensor, scores: Tensor) -> list[Tensor]:
        rest, total = self._offset(scores, interval), FloatPair(*sums)
        for scale in (2.0**-14, 2.0**-28):
            rest = rest * 2**14
            digit = tf.floor(rest)
            rest = rest - digit
            digits = precise_counts(count_values(interval, self._bins, tf.cast(digit, tf.int32)), float64=False)
            total += FloatPair(digits.high * scale, digits.low * scale)
        total += precise(count_values(interval, self._bins, rest) * 2.0**-28, float64=False)
        return [total.high, total.low]

    def _offset(self, scores: Tensor, interval: Tensor) -> Tensor:
        """Return (x − edge) / 2δ, from 0 to just below 1."""
        return tf.clip_by_value((scores - read(self._left, interval)) * self._inverse, 0.0, 1 - 2.0**-24)

    def _wanted(self, block: int) -> Size:
        # the sum of more digits might not fit into int32
        return min(block, BLOCK)
