"""Exact sums of the piecewise step H(x) = clip(x / 2δ + 1/2, 0, 1) over pairs of a positive and another entry.

    S(q) = Σ_k a_k H(x_k − q)     how much weight lies above q
    T(x) = Σ_i w_i H(x − p_i)     how much the positives push x

Both are piecewise linear with kinks at p_i ± δ, so P positives and N entries need O((N + P) log P) time and O(N + P)
memory instead of P N pairs, for every δ: S is a difference of suffix sums at a window's edges, T a line on each of the
2P intervals between edges, and the interval of an entry is found once.
"""

from collections.abc import Callable

import tensorflow as tf

from ...tensors import Tensor, count_values, inverse_permutation, read, size_of, sort
from .double_float import Precise, keep_where, map_parts, precise, round_up, to_float32
from .edge_lookup import EdgeLookup
from .entry_intervals import BLOCK, EntryIntervals, EntryIntervalsInFloatPairs
from .keyed_sums import KeyedSums
from .window_sums import SortedPlaces, Windows

_FAR = 3e38  # where the edges of empty slots lie: above every score
_LARGEST = 1e30  # positives and δ beyond it count as it


class StepSums:
    """The step sums between the positives of a batch and its other entries, built once per loss.

    Exact up to rounding for every δ, any ties, and any number of entries below 2^31. Infinite scores lie above or below
    all finite ones. A negative that is NaN lies below everything; a positive that is NaN gives NaN where it stands and
    counts in no other sum. There is no gradient: a loss gives its own by `tf.custom_gradient`.

    What entries [N] hold that are not negative does not matter, nor what slots [P] hold that are not valid. `delta` is
    taken within 1e-30 and 1e30. Without `float64` (None: on a TPU) sums are of float32 pairs and integers.

    Where the entries are shared out among replicas, all of which have the positives of all, `total` adds up a tensor
    over the replicas; N is the number of entries of one.
    """

    def __init__(
        self,
        scores: Tensor,
        is_negative: Tensor,
        positive_scores: Tensor,
        positive_valid: Tensor,
        delta: float,
        *,
        float64: bool | None = None,
        block: int = BLOCK,
        total: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        float64 = not tf.config.list_logical_devices("TPU") if float64 is None else float64
        self._float64, self._slots = float64, size_of(positive_scores)
        delta = min(max(float(delta), 1 / _LARGEST), _LARGEST)
        inverse = self._inverse = 1 / (2 * delta)
        self._sort_positives(positive_scores, positive_valid)
        low, high = self._sort_edges(delta)
        lookup = EdgeLookup(self._edges, _FAR, size_of(scores))

        intervals = size_of(self._edges)
        opened, closed = (tf.cumsum(count_values(edge, intervals)) for edge in (low, high))
        is_open = opened > closed
        precise_inverse = precise(inverse, float64)
        # the positives between two edges: from the number of those below the one to that of those below the other
        reached, _ = lookup(self._sorted, ~self._empty)
        below = tf.cumsum(count_values(tf.where(self._empty, intervals, reached), intervals))
        self._positives = SortedPlaces(self._sorted, precise_inverse, float64)
        centre = precise(self._sorted, float64)
        self._round_positives = Windows(self._positives, read(below, low), read(below, high), centre)
        # the positives whose windows an interval lies in are those with the edge in their window
        self._round_edges = Windows(self._positives, closed, opened, precise(self._edges, float64))

        kind = EntryIntervals if float64 else EntryIntervalsInFloatPairs
        self._entries = kind(scores, is_negative, lookup, is_open, inverse, block)
        if total is not None:
            self._entries.add_up(total)
        places = SortedPlaces(self._edges, precise_inverse, float64)
        sums = places.suffix_sums(self._entries.counts, self._entries.moments(places.origin))
        # Σ_j H(s_j − s_i) over the negatives j, float32 [P]; 0 in empty slots
        self.false_positives = self._to_slots(Windows(places, low, high, centre).step_sums(sums))

    def over_positives(self, weights: Tensor) -> Tensor:
        """Return Σ_{k≠i} weights_k H(s_k − s_i), float32 [P], from float32 [P]; 0 in empty slots."""
        weights = self._from_slots(weights)
        own = weights * self._positives.half
        return self._to_slots(self._round_positives.step_sums(self._positives.suffix_sums(weights)) - own)

    def under_positives(self, weights: Tensor) -> Tensor:
        """Return Σ_{k≠i} weights_k H(s_i − s_k), float32 [P], from float32 [P]; 0 in empty slots."""
        weights = self._from_slots(weights)
        own = weights * self._positives.half
        sums = self._positives.suffix_sums(weights)
        # H(−x) = 1 − H(x)
        return self._to_slots(_total(sums) - self._round_positives.step_sums(sums) - own)

    def by_keys(self, keys: Tensor) -> KeyedSums:
        """Part the sums between positives by keys of these, float32 [P]; a positive that is NaN has none."""
        return KeyedSums(
            keys, self._order, self._sorted, ~self._empty, self._positives.from_origin, self._round_positives,
            self._inverse, self._float64,
        )  # fmt: skip

    def to_negatives(self, weights: Tensor) -> Tensor:
        """Return Σ_i weights_i H(s_j − s_i) at every negative j and exactly 0 elsewhere, float32 [N], from [P]."""
        sums = self._positives.suffix_sums(self._from_slots(weights))
        height = _total(sums) - self._round_edges.step_sums(sums)
        return self._entries.lines(height, self._round_edges.weights_within(sums))

    def _sort_positives(self, scores: Tensor, valid: Tensor) -> None:
        # one slot more, which is empty, so that there always is one
        scores = tf.concat([scores, [_FAR]], 0)
        valid = tf.concat([valid, [False]], 0)
        usable = valid & (scores == scores)
        self._missing = tf.where(valid & ~usable, scores, 0)
        scores = tf.where(usable, tf.clip_by_value(scores, -_LARGEST, _LARGEST), _FAR)
        self._sorted, self._order = sort(scores)
        self._rank = inverse_permutation(self._order)
        self._empty = self._sorted >= _FAR

    def _sort_edges(self, delta: float) -> tuple[Tensor, Tensor]:
        """Find the distinct edges; return where among them each window begins and ends, int32 [P + 1] each."""
        centre, delta = precise(self._sorted, self._float64), precise(delta, self._float64)
        # x >= an edge that is rounded up to float32 just where x >= the edge itself, as x is a float32
        low = tf.where(self._empty, _FAR, round_up(centre - delta))
        above = tf.math.nextafter(self._sorted, tf.fill(tf.shape(self._sorted), tf.float32.max))
        high = tf.where(self._empty, _FAR, tf.maximum(round_up(centre + delta), above))
        edges = tf.concat([low, high], 0)
        count = size_of(edges)
        edges, order = sort(edges)
        place = tf.cumsum(tf.concat([[0], tf.cast(edges[1:] != edges[:-1], tf.int32)], 0))
        starts = tf.cumsum(count_values(place, count), exclusive=True)
        self._edges = read(tf.concat([edges, [_FAR]], 0), starts)
        places = read(place, inverse_permutation(order))
        half = count // 2
        return places[:half], places[half:]

    def _from_slots(self, weights: Tensor) -> Precise:
        weights = tf.concat([weights, [0.0]], 0)
        return keep_where(~self._empty, precise(tf.gather(weights, self._order), self._float64))

    def _to_slots(self, sums: Precise) -> Tensor:
        sums = tf.where(self._empty, 0.0, to_float32(sums))
        return (read(sums, self._rank) + self._missing)[: self._slots]


def _total(sums: Precise) -> Precise:
    return map_parts(lambda part: part[0, 0], sums)
