"""Sums of weights times the step H over sorted places, as differences of suffix sums."""

import tensorflow as tf

from .tables import count_values, read, size_of
from .wide import each, keep, leading, suffix_sums, widen


class Places:
    """Sorted places x_k and their origins, one for each run of places within 4δ.

    Distances to an origin are small multiples of δ, so that a difference of sums of them keeps its digits however far the
    places spread; and a window of width 2δ sees at most two origins.

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
        self._bounds = start, middle, stop
        self._heights = [
            self._height(places, first, centre, first < last) for first, last in ((start, middle), (middle, stop))
        ]

    def step_sums(self, sums):
        """Return Σ_k w_k H(x_k − q_i), wide [Q], from what `Places.suffix_sums` gave."""
        start, middle, stop = (each(lambda part, at=at: read(part, at), sums) for at in self._bounds)
        total = each(lambda part: part[:, 0], stop)
        for part, height in zip((start - middle, middle - stop), self._heights):
            weight, moment = (each(lambda x, column=column: x[:, column], part) for column in (0, 1))
            total = total + moment + weight * height
        return total

    def weight_within(self, sums):
        """Return Σ w_k over the window, wide [Q]."""
        start, _, stop = self._bounds
        column = each(lambda part: part[:, 0], sums)
        return each(lambda part: read(part, start), column) - each(lambda part: read(part, stop), column)

    @staticmethod
    def _height(places, first, centre, any_place):
        """H at the origin of `first`, were it not clipped: (origin − q_i) / 2δ + 1/2."""
        first = tf.where(any_place, first, 0)
        origin = each(lambda part: read(part, first), places.origin)
        return keep(any_place, (origin - centre) * places.inverse + places.half)
