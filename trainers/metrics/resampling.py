"""How far a figure hangs on which pictures a set happens to have: the bootstrap over pictures (Efron, 1979)."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

DRAWS = 1000
CONFIDENCE = 0.95
EACH_SIDE = 0.975  # of an interval of 95 %
_AT_ONCE = 2_000_000  # numbers of a block of draws: 16 MB, whatever the data's size is

Drawn = Iterable[np.ndarray]
"""Draws a few at a time, int64 [r, n] each, as often as they are asked for."""


def draws(pictures: int, *, count: int = DRAWS, seed: int | np.random.Generator = 0) -> np.ndarray:
    """Draw as many of the pictures with replacement, `count` times: int64 [count, pictures], how often each came."""
    return np.random.default_rng(seed).multinomial(pictures, np.full(pictures, 1 / pictures), size=count)


@dataclass(frozen=True)
class Draws:
    """The rows of `draws` a few at a time: all draws of a large set would not fit into the memory."""

    pictures: int
    count: int = DRAWS
    seed: int = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        generator, rows = np.random.default_rng(self.seed), max(1, _AT_ONCE // max(1, self.pictures))
        for first in range(0, self.count, rows):
            yield draws(self.pictures, count=min(rows, self.count - first), seed=generator)


def over(drawn: Drawn, measure: Callable[[np.ndarray], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Give the figures of all draws, [R, ...] by name, of a function that gives those of some."""
    parts = [measure(counts) for counts in drawn]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def bounds(
    values: np.ndarray, pictures: int, *, confidence: float = CONFIDENCE, measured: float | None = None
) -> tuple[float, float]:
    """Give what a figure is not below, and what it is not above, each with this confidence; NaN are left out.

    `values` are those of `draws` of so many pictures. The percentiles are moved outwards as Student's t asks for, since
    a bootstrap of few pictures is too sure of itself (Hesterberg, The American Statistician 2015, section 5.3).
    `measured`, the figure of the pictures themselves, takes out that draws lie higher or lower on average, as AP's do,
    of which few pictures give too much: bias-corrected percentiles (Efron, Canadian Journal of Statistics 1981).
    """
    values = values[np.isfinite(values)]
    if pictures < 2 or not len(values):
        return -math.inf, math.inf
    normal, shift = NormalDist(), 0.0
    if measured is not None:
        below = ((values < measured).mean() + (values <= measured).mean()) / 2
        shift = 2 * normal.inv_cdf(min(max(float(below), 0.5 / len(values)), 1 - 0.5 / len(values)))
    aside = _student_t(confidence, pictures - 1) * math.sqrt(pictures / (pictures - 1))
    low, high = np.quantile(values, [normal.cdf(shift - aside), normal.cdf(shift + aside)])
    return float(low), float(high)


def weighted_sums(counts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Add up what each picture gives, [n, ...], as often as it came in each draw, [R, n]: float64 [R, ...]."""
    rows = np.asarray(rows, np.float64)
    sums: np.ndarray = np.asarray(counts, np.float64) @ rows.reshape(len(rows), math.prod(rows.shape[1:]))
    return sums.reshape(len(counts), *rows.shape[1:])


def _student_t(confidence: float, freedom: int) -> float:
    """Quantile of Student's t by its expansion around the normal one (Abramowitz and Stegun, 26.7.5)."""
    z = NormalDist().inv_cdf(confidence)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))
