"""Step sums over those positives alone that have a lower, or a higher, key than one of them.

Such a sum asks for two orders at once, of scores and of keys: it is a dominance sum. The positives of a lower key are
the first ones in the order of keys, and a prefix of it is a union of aligned blocks of 2^k of them, at most one of each
size: the binary digits of its length. Within a block sorted by score H's window is two places and a difference of
suffix sums. So the blocks are halved from all positives down to 64 of them, each half in the order of the scores
(a wavelet tree): where a place comes to lie in a half is the number of positives before it that belong there, and
nothing is searched for twice. Only the last block is compared pair by pair. P positives take O(P (log P + 64))
time and O(P) memory, since one size of blocks is there at a time.
"""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import tensorflow as tf

from ...tensors import Tensor, count_values, in_xla, inverse_permutation, least, read, size_of, sort
from .double_float import (
    Precise,
    from_parts,
    keep_where,
    map_parts,
    parts_of,
    precise,
    suffix_sums,
    to_float32,
    unstack_parts,
)
from .window_sums import Windows

_FAR = 3e38  # the key of slots without a positive


class Above(NamedTuple):
    """How much stands above each positive i, itself included, parted by the keys: float32 [P] each."""

    lower: Tensor  # Σ H_ij over the positives j of a lower key
    lower_gap: Tensor  # Σ H_ij (key_i − key_j) over these
    others: Tensor  # Σ H_ij over the others
    others_gap: Tensor  # Σ H_ij (key_j − key_i) over these


class KeyedSums:
    """Step sums between positives, parted by their keys, for `StepSums`.

    Args:
        keys: float32 [P], of the slots of positives; NaN counts as 0.
        order: int32 [K], the slots in ascending order of their scores, those without a positive last, and one more.
        scores: float32 [K], these scores.
        used: bool [K], whether there is a positive.
        from_origin: precise [K], the distances of `SortedPlaces` of the scores.
        windows: of width 2δ round the scores, among these.
        inverse: 1 / 2δ.
        float64: as in `StepSums`.
    """

    digits: ClassVar[int] = 6  # 2^digits positives are compared pair by pair
    pairs: ClassVar[int] = 2**19  # that are compared at a time

    def __init__(
        self,
        keys: Tensor,
        order: Tensor,
        scores: Tensor,
        used: Tensor,
        from_origin: Precise,
        windows: Windows,
        inverse: float,
        float64: bool,
    ) -> None:
        self._inverse, self._float64, self._all = inverse, float64, size_of(order)
        self._count = tf.reduce_sum(tf.cast(used, tf.int32))
        # XLA has to know sizes; elsewhere the slots without a positive are left out
        self._size = size = self._all if in_xla() else self._count
        self._order, self._scores, self._used, self._windows = (
            order[:size],
            scores[:size],
            used[:size],
            windows.first(size),
        )
        self._from_origin = map_parts(lambda part: part[:size, tf.newaxis], from_origin)
        keys = self._of_slots(keys)
        self._keys = tf.where(self._used & (keys == keys), keys, 0)
        by_key, self._by_key = sort(tf.where(self._used, self._keys, _FAR))
        group = tf.concat([tf.zeros_like(self._by_key[:1]), tf.cumsum(tf.cast(by_key[1:] != by_key[:-1], tf.int32))], 0)
        ends = tf.cumsum(count_values(group, size))
        # the place of each in the order of keys, and of how many the key is lower, or not higher
        self._place = inverse_permutation(self._by_key)
        own_group = read(group, self._place)
        self._not_higher = read(ends, own_group)
        self._lower = read(tf.concat([[0], ends], 0), own_group)

    def _of_slots(self, values: Tensor) -> Tensor:
        return tf.where(self._used, read(tf.concat([values, [0.0]], 0), self._order), 0)

    def _to_slots(self, values: Tensor) -> Tensor:
        values = tf.where(self._used, values, 0)
        return tf.scatter_nd(self._order[:, tf.newaxis], values, [self._all])[:-1]

    def above(self) -> Above:
        """Sum up what stands above each positive."""
        ones = tf.cast(self._used, tf.float32)
        keys = precise(self._keys, self._float64)
        weights = map_parts(lambda *parts: tf.stack(parts, 1), precise(ones, self._float64), keys)
        of_lower, of_others = self._over_blocks(self._lower, weights, mirrored=False)
        (lower, lower_keys), (others, other_keys) = (unstack_parts(each, axis=1) for each in (of_lower, of_others))
        far = lower, keys * lower - lower_keys, others, other_keys - keys * others

        def sums(height: Tensor, is_lower: Tensor, gap: Tensor, _: Tensor) -> Tensor:
            missorted = tf.where(is_lower, height, 0)
            rightly = height - missorted
            parts = missorted, -missorted * gap, rightly, rightly * gap
            return tf.stack([tf.reduce_sum(part, axis=1) for part in parts], 1)

        near = self._over_pairs(self._lower, ones, 1.0, sums, 4)
        return Above(*(self._to_slots(to_float32(one) + other) for one, other in zip(far, tf.unstack(near, axis=1))))

    def of_higher(self, weights: Tensor) -> Tensor:
        """Return Σ_i weights_i H(s_j − s_i) over the positives i of a higher key than j, float32 [P], from [P]."""
        weights = self._of_slots(weights)
        precisely = map_parts(lambda part: part[:, tf.newaxis], precise(weights, self._float64))
        _, far = self._over_blocks(self._not_higher, precisely, mirrored=True)

        def sums(height: Tensor, is_lower: Tensor, _: Tensor, weight: Tensor) -> Tensor:
            return tf.reduce_sum(tf.where(is_lower, 0.0, height * weight), axis=1, keepdims=True)

        near = self._over_pairs(self._not_higher, weights, -1.0, sums, 1)
        return self._to_slots((to_float32(far) + near)[:, 0])

    def _over_blocks(self, bound: Tensor, weights: Precise, *, mirrored: bool) -> tuple[Precise, Precise]:
        """Sum weights_k H over the blocks of keys' places before, and those after, that of each bound: [P, C] each.

        H is of x_k − q, of a centre q; or if `mirrored` of q − x_k.
        """
        size, windows = self._size, self._windows
        table = map_parts(lambda *parts: tf.concat(parts, 1), weights, weights * self._from_origin)
        zero = map_parts(tf.zeros_like, weights)

        def halve(level: Tensor, place: Tensor, bounds: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
            third = len(parts) // 3
            table, before, after = (from_parts(*parts[third * k : third * (k + 1)]) for k in range(3))
            half, whole = tf.bitwise.left_shift(1, level), level + 1
            # places are those in the order of keys: what belongs into the first half has the next digit 0
            second = _digit(place, level)
            firsts = tf.concat([[0], tf.cumsum(1 - second)], 0)

            def in_halves(begin: Tensor, at: Tensor, firsts: Tensor) -> tuple[Tensor, Tensor]:
                # all blocks before this one are full, and half of them has gone to first halves
                return begin // 2 + firsts, begin // 2 + half + at - firsts

            moved = in_halves(_cut(place, whole), tf.range(size), firsts[:-1])
            order = inverse_permutation(tf.where(second == 1, moved[1], moved[0]))
            place, table = read(place, order), map_parts(lambda part: read(part, order), table)
            begin, is_second = _cut(bound, whole), _digit(bound, level) == 1
            to_first, to_second = in_halves(begin, bounds, read(firsts, bounds))
            # the half that the bound does not lie in is wholly before or after it
            start = tf.minimum(begin + tf.where(is_second, 0, half), size)
            ends = start if mirrored else tf.minimum(start + half, size)
            other = tf.where(is_second, to_first, tf.minimum(to_second, size))
            other = tf.concat([ends[tf.newaxis], other] if mirrored else [other, ends[tf.newaxis]], 0)
            sums = suffix_sums(table)
            found = windows.parted(map_parts(lambda part: read(part, other), sums), mirrored=mirrored)
            before += keep_where(is_second[:, tf.newaxis], found)
            after += keep_where(~is_second[:, tf.newaxis], found)
            bounds = tf.where(is_second, to_second, to_first)
            return level - 1, place, bounds, *parts_of(table), *parts_of(before), *parts_of(after)

        powers = tf.constant([1 << bit for bit in range(31)])
        digits = tf.reduce_sum(tf.cast(self._count >= powers, tf.int32))
        begin = digits - 1, self._place, windows.bounds, *parts_of(table), *parts_of(zero), *parts_of(zero)
        _, _, _, *parts = tf.while_loop(lambda level, *_: level >= self.digits, halve, begin)
        third = len(parts) // 3
        return from_parts(*parts[third : 2 * third]), from_parts(*parts[2 * third :])

    def _over_pairs(
        self, bound: Tensor, weights: Tensor, sign: float, sums: Callable[..., Tensor], columns: int
    ) -> Tensor:
        """Compare each positive with those in the block of keys' places that its bound lies in: float32 [P, columns].

        `sums` gets, for some of the positives, H times one of these, whether a place is before the bound, how much
        higher the key is there, and the weight: [rows, block] each.
        """
        block = 1 << self.digits
        chunk, margin = least(self.pairs // block, self._size), [[0, block - self._size % block]]
        scores, keys, weights = (
            tf.reshape(tf.pad(read(each, self._by_key), margin), [-1, block])
            for each in (self._scores, self._keys, weights)
        )
        in_block = tf.range(block)

        def compare(start: Tensor, result: Tensor) -> tuple[Tensor, Tensor]:
            rows = tf.minimum(start + tf.range(chunk), self._size - 1)
            new = start + tf.range(chunk) < self._size
            at = read(bound, rows)
            part = at // block
            own_score, own_key = read(self._scores, rows)[:, tf.newaxis], read(self._keys, rows)[:, tf.newaxis]
            weight = read(weights, part)
            height = tf.clip_by_value((read(scores, part) - own_score) * (sign * self._inverse) + 0.5, 0, 1)
            height = tf.where(weight != 0, height, 0)
            found = sums(height, in_block < (at % block)[:, tf.newaxis], read(keys, part) - own_key, weight)
            result = tf.tensor_scatter_nd_add(result, rows[:, tf.newaxis], tf.where(new[:, tf.newaxis], found, 0))
            return start + chunk, result

        begin = tf.constant(0), tf.zeros([self._size, columns])
        return tf.while_loop(lambda start, _: start < self._count, compare, begin)[1]


def _digit(numbers: Tensor, place: Tensor) -> Tensor:
    return tf.bitwise.bitwise_and(tf.bitwise.right_shift(numbers, place), 1)


def _cut(numbers: Tensor, digits: Tensor) -> Tensor:
    """Put 0 for the last digits of binary numbers."""
    return tf.bitwise.left_shift(tf.bitwise.right_shift(numbers, digits), digits)
