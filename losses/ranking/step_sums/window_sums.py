"""Sums of weights times the step H over sorted places, as differences of suffix sums."""

import tensorflow as tf

from ...tensors import Tensor, count_values, read, size_of
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
        self._bounds = tf.stack([start, middle, stop])
        first = self._bounds[:2]
        any_place = first < self._bounds[1:]
        first = tf.where(any_place, first, 0)
        origin = map_parts(lambda part: read(part, first), places.origin)
        # H at the origins of the two runs, were it not clipped
        self._heights = keep_where(any_place, (origin - centre) * places.inverse + places.half)

    def step_sums(self, sums: Precise) -> Precise:
        """Return Σ_k w_k H(x_k − q_i), precise [Q], from what `SortedPlaces.suffix_sums` gave."""
        at_bounds = map_parts(lambda part: read(part, self._bounds), sums)
        between = map_parts(lambda part: part[:2], at_bounds) - map_parts(lambda part: part[1:], at_bounds)
        weights, moments = unstack_parts(between, axis=2)
        below, above = unstack_parts(moments + weights * self._heights, axis=0)
        return map_parts(lambda part: part[2, :, 0], at_bounds) + below + above

    def weights_within(self, sums: Precise) -> Precise:
        """Return Σ w_k over each window, precise [Q]."""
        start, _, stop = unstack_parts(map_parts(lambda part: read(part, self._bounds)[..., 0], sums), axis=0)
        return start - stop
