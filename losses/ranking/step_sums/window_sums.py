"""Sums of weights times the step H over sorted places, as differences of suffix sums."""

import tensorflow as tf

from ...tensors import count_values, read, size_of
from .double_float import each, keep, leading, suffix_sums, unstack, widen


class Places:
    """Sorted places x_k and their origins, one for each run of places within 4δ.

    Distances to an origin are small multiples of δ, so that a difference of sums of them keeps its digits however far
    the places spread; and a window of width 2δ sees at most two origins.

    Args:
        places: float32 [K], ascending, K > 0.
        inverse: wide scalar, 1 / 2δ.
        float64: whether wide numbers are float64.
    """

    def __init__(self, places, inverse, float64):
        count = size_of(places)
        self.inverse, self.half = inverse, widen(0.5, float64)
        wide = widen(places, float64)
        cell = tf.math.floor(leading((wide - each(lambda part: part[:1], wide)) * inverse * widen(0.5, float64)))
        run = tf.cumsum(tf.concat([[0], tf.cast(cell[1:] != cell[:-1], tf.int32)], 0))
        starts = tf.concat([[0], tf.cumsum(count_values(run, count))], 0)
        first = read(starts, run)
        self.origin = each(lambda part: read(part, first), wide)
        self.from_origin = (wide - self.origin) * inverse
        # of the places 0 ... K: where the next run starts
        self.next_run = tf.concat([read(starts, run + 1), starts[-1:]], 0)

    def suffix_sums(self, weights, moments=None):
        """Prepare sums over windows.

        Args:
            weights: wide [K], w_k.
            moments: wide [K], w_k (x_k − origin) / 2δ where x_k is not the place itself.

        Returns:
            Suffix sums of weights and moments, wide [K + 1, 2].
        """
        moments = weights * self.from_origin if moments is None else moments
        return suffix_sums(each(lambda *parts: tf.stack(parts, 1), weights, moments))


class Windows:
    """Windows of width 2δ round the centres q_i, each a range of sorted places.

    Args:
        places: `Places`.
        start: int32 [Q], the first place in the window.
        stop: int32 [Q], the first place above it.
        centre: wide [Q], q_i.
    """

    def __init__(self, places, start, stop, centre):
        middle = tf.minimum(read(places.next_run, start), stop)
        self._bounds = tf.stack([start, middle, stop])
        first = self._bounds[:2]
        any_place = first < self._bounds[1:]
        first = tf.where(any_place, first, 0)
        origin = each(lambda part: read(part, first), places.origin)
        # H at the origins of the two runs, were it not clipped
        self._heights = keep(any_place, (origin - centre) * places.inverse + places.half)

    def step_sums(self, sums):
        """Return Σ_k w_k H(x_k − q_i), wide [Q], from what `Places.suffix_sums` gave."""
        at_bounds = each(lambda part: read(part, self._bounds), sums)
        between = each(lambda part: part[:2], at_bounds) - each(lambda part: part[1:], at_bounds)
        weights, moments = unstack(between, axis=2)
        below, above = unstack(moments + weights * self._heights, axis=0)
        return each(lambda part: part[2, :, 0], at_bounds) + below + above

    def weights_within(self, sums):
        """Return Σ w_k over each window, wide [Q]."""
        start, _, stop = unstack(each(lambda part: read(part, self._bounds)[..., 0], sums), axis=0)
        return start - stop
