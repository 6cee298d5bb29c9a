"""Sums of weights times the step H over sorted places, as differences of suffix sums."""

import copy

import tensorflow as tf

from ...tensors import Size, Tensor, count_values, read, size_of
from .double_float import Precise, keep_where, leading_part, map_parts, precise, suffix_sums, unstack_parts


class SortedPlaces:
    """Sorted places x_k and their origins, one for each run of places within 4δ.

    Distances to an origin are small multiples of δ, so that a difference of sums of them keeps its digits however far
    the places, float32 [K] ascending with K > 0, spread; and a window of width 2δ sees at most two origins. `inverse`
    is 1 / 2δ.
    """

    def __init__(self, places: Tensor, inverse: Precise, float64: bool) -> None:
        count = size_of(places)
        self.inverse, self.half = inverse, precise(0.5, float64)
        exact = precise(places, float64)
        above_first = exact - map_parts(lambda part: part[:1], exact)
        cell = tf.math.floor(leading_part(above_first * inverse * precise(0.5, float64)))
        run = tf.cumsum(tf.concat([[0], tf.cast(cell[1:] != cell[:-1], tf.int32)], 0))
        starts = tf.concat([[0], tf.cumsum(count_values(run, count))], 0)
        first = read(starts, run)
        self.origin = map_parts(lambda part: read(part, first), exact)
        self.from_origin = (exact - self.origin) * inverse
        # of the places 0 ... K: where the next run starts
        self.next_run = tf.concat([read(starts, run + 1), starts[-1:]], 0)

    def suffix_sums(self, weights: Precise, moments: Precise | None = None) -> Precise:
        """Return suffix sums, precise [K + 1, 2], of weights w_k and moments w_k (x_k − origin) / 2δ, precise [K].

        Without moments, x_k is the place itself.
        """
        moments = weights * self.from_origin if moments is None else moments
        return suffix_sums(map_parts(lambda *parts: tf.stack(parts, 1), weights, moments))


class Windows:
    """Windows of width 2δ round centres q_i, precise [Q]: the sorted places from `start` until `stop`, int32 [Q]."""

    def __init__(self, places: SortedPlaces, start: Tensor, stop: Tensor, centre: Precise) -> None:
        middle = tf.minimum(read(places.next_run, start), stop)
        self.bounds = tf.stack([start, middle, stop])
        first = self.bounds[:2]
        any_place = first < self.bounds[1:]
        first = tf.where(any_place, first, 0)
        origin = map_parts(lambda part: read(part, first), places.origin)
        # H at the origins of the two runs, were it not clipped
        self._heights = keep_where(any_place, (origin - centre) * places.inverse + places.half)

    def first(self, count: Size) -> "Windows":
        """Give the first windows alone."""
        some = copy.copy(self)
        some.bounds, some._heights = self.bounds[:, :count], map_parts(lambda part: part[:, :count], self._heights)
        return some

    def step_sums(self, sums: Precise) -> Precise:
        """Return Σ_k w_k H(x_k − q_i), precise [Q], from what `SortedPlaces.suffix_sums` gave."""
        at_bounds = map_parts(lambda part: read(part, self.bounds), sums)
        between = map_parts(lambda part: part[:2], at_bounds) - map_parts(lambda part: part[1:], at_bounds)
        weights, moments = unstack_parts(between, axis=2)
        below, above = unstack_parts(moments + weights * self._heights, axis=0)
        return map_parts(lambda part: part[2, :, 0], at_bounds) + below + above

    def parted(self, at_bounds: Precise, *, mirrored: bool = False) -> Precise:
        """Return Σ w_k H(x_k − q_i), precise [Q, C], over some of the places, from suffix sums of these.

        `at_bounds`, precise [4, Q, 2C], are sums of C weights and their moments from where the two runs of the window
        begin, where it ends, and where the places end. If `mirrored`, H is of q_i − x_k, and in front of the four is
        where the places begin, in place of their end.
        """
        between = map_parts(lambda part: part[:3], at_bounds) - map_parts(lambda part: part[1:], at_bounds)
        weights, moments = _halves(between)
        runs = slice(1, 3) if mirrored else slice(0, 2)
        whole = map_parts(lambda part: part[0 if mirrored else 2], weights)
        weights, moments = (map_parts(lambda part: part[runs], each) for each in (weights, moments))
        within = moments + weights * map_parts(lambda part: part[..., tf.newaxis], self._heights)
        below, above = unstack_parts(weights - within if mirrored else within, axis=0)
        return whole + below + above

    def weights_within(self, sums: Precise) -> Precise:
        """Return Σ w_k over each window, precise [Q]."""
        start, _, stop = unstack_parts(map_parts(lambda part: read(part, self.bounds)[..., 0], sums), axis=0)
        return start - stop


def _halves(number: Precise) -> tuple[Precise, Precise]:
    """Part the columns, the last axis."""
    columns = leading_part(number).shape[-1] // 2
    return map_parts(lambda part: part[..., :columns], number), map_parts(lambda part: part[..., columns:], number)
