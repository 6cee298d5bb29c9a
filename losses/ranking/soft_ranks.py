"""Ranks with a derivative: the projection onto the permutahedron (Blondel et al., ICML 2020)."""

import tensorflow as tf

from ..tensors import Tensor, inverse_permutation, read, size_of, sort

_LOW = -1e30  # below every number: what empty slots have


class SoftRanks:
    """The soft ranks of n numbers in S slots, 1 for the smallest to n for the largest, and their derivative.

    These are the point of the permutahedron, the hull of all orders of 1 to n, nearest to n · numbers / regularization
    (Proposition 3, with the quadratic regularisation). Numbers that are `regularization`/n apart or more have their
    ranks, which nothing moves; closer ones share a block, within which a rank grows by n/regularization times the
    number. The blocks are those of an isotonic regression.

    Args:
        numbers: float [S]; those of valid slots count.
        keys: float32 [S], in the order of the numbers.
        valid: bool [S].
        count: n, a scalar of the numbers' dtype.
        regularization: above 0; near 0 the ranks are the usual ones, and nothing has a slope.

    Attributes:
        deviations: soft ranks less their mean (n + 1)/2, [S]; 0 in empty slots.
    """

    def __init__(self, numbers: Tensor, keys: Tensor, valid: Tensor, count: Tensor, regularization: float) -> None:
        dtype = numbers.dtype
        # sorting knows no NaN; the numbers keep theirs
        order = sort(tf.where(valid & (keys == keys), -keys, tf.float32.max))[1]
        self._order, self._place, self._stretch = order, inverse_permutation(order), count / regularization
        self._valid = read(valid, order)
        least = tf.reduce_min(tf.where(valid, numbers, dtype.max))
        stretched = tf.where(self._valid, (read(numbers, order) - least) * self._stretch, 0)
        # the largest number is first, and its rank n
        ranks = tf.where(self._valid, count - tf.cast(tf.range(size_of(order)), dtype), 0)
        self._block = _blocks(tf.where(self._valid, stretched - ranks, _LOW))
        # what is not small alone is the difference of numbers within a block, and of the ranks of blocks
        deviations = (stretched - self._mean_of_block(stretched)) + (self._mean_of_block(ranks) - (count + 1) / 2)
        self.deviations = self._to_slots(deviations)

    def pull_back(self, slopes: Tensor) -> Tensor:
        """Turn slopes by the soft ranks, [S], into slopes by the numbers."""
        slopes = tf.where(self._valid, read(slopes, self._order), 0)
        # Proposition 4: within a block ∂r_i/∂x_j = (n / regularization) (1[i = j] − 1/size)
        return self._to_slots((slopes - self._mean_of_block(slopes)) * self._stretch)

    def _mean_of_block(self, values: Tensor) -> Tensor:
        return read(_means(values, self._block)[0], self._block)

    def _to_slots(self, values: Tensor) -> Tensor:
        return read(tf.where(self._valid, values, 0), self._place)


def _means(values: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Average [S] over each block; also whether there is a block of that number, bool [S]."""
    slots = size_of(blocks)
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(values), blocks, slots)
    return tf.math.divide_no_nan(tf.math.unsorted_segment_sum(values, blocks, slots), sizes), sizes > 0


def _blocks(values: Tensor) -> Tensor:
    """Number the blocks of the non-increasing sequence nearest to [S], from 0: int32 [S]."""

    def join(blocks: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        means, there = _means(values, blocks)
        rises = there[1:] & (means[1:] > means[:-1])
        joined = tf.concat([tf.zeros([1], tf.int32), tf.cumsum(tf.cast(rises, tf.int32))], 0)
        return blocks - read(joined, blocks), tf.reduce_any(rises)

    # two neighbours that are out of order end in one block, whatever else is joined: so all can be joined at once
    return tf.while_loop(lambda _, again: again, join, (tf.range(size_of(values)), tf.constant(True)))[0]
