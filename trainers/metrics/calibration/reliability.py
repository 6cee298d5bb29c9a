"""Confidence against what came of it, in bins of equal width (Guo et al., ICML 2017).

A confidence on the edge of two bins counts to the upper one, as a prediction counts at a threshold that it equals; 1 is
in the last.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, eq=False)
class Reliability:
    """What fell into each of M bins from 0 to 1: arrays [M], the means NaN where a bin is empty."""

    counts: np.ndarray  # int64
    confidence: np.ndarray  # float64, mean
    outcome: np.ndarray  # float64, mean of what came of it: right or not, or an IoU

    @classmethod
    def of_sums(cls, counts: np.ndarray, confidence: np.ndarray, outcome: np.ndarray) -> Self:
        """Divide sums over the entries of each bin by how many they are."""
        means = (
            np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
            for total in (confidence, outcome)
        )
        return cls(counts, *means)

    @classmethod
    def of(cls, confidence: np.ndarray, outcome: np.ndarray, bins: int) -> Self:
        """Put entries [n], both in [0, 1], into bins."""
        edges = np.arange(1, bins) / bins
        places = np.searchsorted(edges, confidence, side="right")
        counts = np.bincount(places, minlength=bins)
        sums = (np.bincount(places, weights=values, minlength=bins) for values in (confidence, outcome))
        return cls.of_sums(counts, *sums)

    @property
    def error(self) -> float:
        """The expected calibration error, mean |outcome - confidence| of the entries' bins (eq. 3); NaN of nothing."""
        there = self.counts > 0
        if not there.any():
            return float("nan")
        gaps = np.abs(self.outcome - self.confidence)[there]
        return float(np.sum(self.counts[there] * gaps) / self.counts.sum())

    def to_dict(self) -> dict[str, list[Any]]:
        """Give the bins as JSON-able lists, None for the means of an empty one."""
        means = {"confidence": self.confidence, "outcome": self.outcome}
        lists = {name: [None if np.isnan(one) else float(one) for one in values] for name, values in means.items()}
        return {"counts": self.counts.tolist(), **lists}
