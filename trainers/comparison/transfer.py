"""What a threshold is worth that was picked on other data: what somebody who deploys a model lives with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics.threshold_band import band_around


@dataclass(frozen=True, eq=False)
class Transfer:
    """A score on each of S sets at the threshold that was picked on another."""

    names: tuple[str, ...]
    thresholds: np.ndarray  # float64 [S], picked on each set
    scores: np.ndarray  # float64 [S, S], by the set on which the threshold was picked, and that on which it is used
    best: np.ndarray  # float64 [S], on each set at any threshold

    @property
    def loss(self) -> np.ndarray:
        """What is lost against each set's own best threshold, float64 [S, S]."""
        return self.best - self.scores

    def lost_on(self, name: str) -> np.ndarray:
        """Give the losses on one set at the thresholds of all the others, float64 [S - 1]."""
        place = self.names.index(name)
        return np.delete(self.loss[:, place], place)

    def to_dict(self) -> dict[str, Any]:
        """Give plain lists for JSON."""
        return {
            "sets": list(self.names),
            "thresholds": self.thresholds.tolist(),
            "scores_by_picked_on_and_used_on": self.scores.tolist(),
            "loss_by_picked_on_and_used_on": self.loss.tolist(),
        }


def lowest_best(at: np.ndarray, score: np.ndarray) -> float:
    """Pick the lowest threshold that has the best score."""
    return float(at[np.argmax(score)])


def middle_of_band(at: np.ndarray, score: np.ndarray) -> float:
    """Pick the middle, by count, of the thresholds around the best that are nearly as good (see `band_around`)."""
    first, last = band_around(score, int(np.argmax(score)))
    return float(at[(first + last) // 2])


def threshold_transfer(
    curves: Mapping[str, tuple[Any, Any]], pick: Callable[[np.ndarray, np.ndarray], float] = lowest_best
) -> Transfer:
    """Carry the threshold picked on each set, of its rising ones [T] with their scores, to all, as the next higher."""
    curves = {name: (np.asarray(at, np.float64), np.asarray(score, np.float64)) for name, (at, score) in curves.items()}
    thresholds = np.array([pick(at, score) for at, score in curves.values()])
    scores = np.empty((len(curves), len(curves)))
    for place, (at, score) in enumerate(curves.values()):
        scores[:, place] = score[np.minimum(np.searchsorted(at, thresholds), len(at) - 1)]
    best = np.array([score.max() for _, score in curves.values()])
    return Transfer(tuple(curves), thresholds, scores, best)
