"""Repeat factor sampling (Gupta et al., LVIS, CVPR 2019): pictures of rare classes come more often."""

from functools import lru_cache

import numpy as np

from ...errors import UsageError
from ...text import counted
from ..scan.presence import Presence
from ..targets.base import MOST_LISTED


def class_factors(found: Presence, share: float) -> np.ndarray:
    """Give how often pictures of each class are to come, float64 [C]: max(1, sqrt(share / f)) (section 4.1).

    f is the share of the pictures that have it; 1 for a class that none has.
    """
    frequencies = found.having / max(1, found.length)
    factors = np.ones(len(frequencies))
    np.divide(share, frequencies, out=factors, where=frequencies > 0)
    return np.maximum(1, np.sqrt(factors))


def picture_factors(found: Presence, share: float) -> np.ndarray:
    """Give how often each picture is to come, the largest factor of its classes, float64 [n]; 1 without any."""
    factors = np.ones(found.length)
    np.maximum.at(factors, found.pictures, class_factors(found, share)[found.classes])
    return factors


class RepeatRare:
    """Which example stands where in a training stream of rounds, in which each comes as often as its factor says.

    In each round an example comes a whole number of times, its factor rounded up or down: by random places, anew in
    every round, so that it is the factor on average, and once at least. All rounds have the same `length`, the sum of
    the factors rounded to whole pictures, and each is permuted by (seed, round).
    """

    def __init__(self, factors: np.ndarray, seed: int):
        if seed < 0:
            raise UsageError(f"seed must be 0 or more, got {seed}")
        self.seed = seed
        # Up, but for what adding many numbers has put on top of a whole one.
        self.length = int(np.ceil(factors.sum() - 1e-6))
        self._factors = factors * (self.length / factors.sum())
        self._round = lru_cache(maxsize=4)(self._permute)

    def _permute(self, number: int) -> np.ndarray:
        # The fifth number keeps it apart from the streams of `Order`, `Equibatch` and `Partners`.
        rng = np.random.default_rng([self.seed, number, 0, 0, 5])
        order = rng.permutation(len(self._factors))
        ends = np.cumsum(self._factors[order])
        # Every whole step from a random one on falls to whose part of the line it lies in.
        taken = np.searchsorted(ends, np.arange(self.length) + rng.random(), side="right")
        return rng.permutation(order[np.minimum(taken, len(order) - 1)]).astype(np.int32)

    def __getitem__(self, position: int) -> int:
        """Give the index into the source."""
        number, place = divmod(position, self.length)
        return int(self._round(number)[place])

    def draw(self, position: int) -> tuple[int, np.random.Generator, None]:
        """See `order.Sampler`; no class is wanted."""
        return self[position], np.random.default_rng([self.seed, position, 0, 0, 6]), None


def repeats_told(found: Presence, share: float, steps: int, batch_size: int) -> str:
    """Say how often pictures of which class come, the rarest first, and what that makes of a pass over the data."""
    factors, having, length = class_factors(found, share), found.having, found.length
    repeated = [one for one in np.argsort(having, kind="stable").tolist() if factors[one] > 1]
    if not repeated:
        return (
            f"--repeat-rare {share:g} repeats nothing: every class is in that share of the {counted(length, 'picture')}"
        )
    texts = [f"{found.class_names[one]} ({having[one]}) {factors[one]:.3g} times" for one in repeated]
    more = f" and {len(texts) - MOST_LISTED} more classes" if len(texts) > MOST_LISTED else ""
    round_length = RepeatRare(picture_factors(found, share), 0).length
    return (
        f"--repeat-rare {share:g}: pictures with {', '.join(texts[:MOST_LISTED])}{more}; a pass over {length} pictures "
        f"becomes one of {round_length}, and an epoch of {counted(steps, 'step')} has {steps * batch_size} of these"
    )
