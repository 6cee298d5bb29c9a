"""Mean and spread over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """A figure over several seeds; a single one tells nothing about the sample standard deviation, which is None."""

    mean: float
    deviation: float | None
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Take those of one value or more."""
        sample = np.asarray(values, np.float64)
        deviation = float(sample.std(ddof=1)) if sample.size > 1 else None
        return cls(float(sample.mean()), deviation, int(sample.size))

    def __format__(self, form: str) -> str:
        """Write as "0.912 ± 0.003", or as "0.912" of a single seed; the specification is that of a number."""
        mean = format(self.mean, form)
        return mean if self.deviation is None else f"{mean} ± {format(self.deviation, form)}"


def spreads(seeds: Iterable[Mapping[str, float]]) -> dict[str, Spread]:
    """Give mean and spread of every figure that all seeds have."""
    seeds = list(seeds)
    return {key: Spread.of([one[key] for one in seeds]) for key in seeds[0] if all(key in one for one in seeds)}


def mean_curve(curves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the mean, the lowest and the highest value of curves with the same abscissas."""
    stacked = np.asarray(curves, np.float64)
    return stacked.mean(axis=0), stacked.min(axis=0), stacked.max(axis=0)
