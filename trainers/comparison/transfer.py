"""What a threshold is worth that was picked on other data: what somebody who deploys a model lives with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Transfer:
    """A score on each set at the threshold that is best on another.

    Attributes:
        names: the sets.
        thresholds: float64 [S], the lowest threshold that is best on each set.
        scores: float64 [S, S], by the set on which the threshold was picked, and the set on which it is used.
    """

    names: tuple[str, ...]
    thresholds: np.ndarray
    scores: np.ndarray

    @property
    def loss(self) -> np.ndarray:
        """What is lost against each set's own best threshold, float64 [S, S], 0 on the diagonal."""
        return np.diagonal(self.scores) - self.scores

    def lost_on(self, name: str) -> np.ndarray:
        """Give the losses on one set at the thresholds of all the others, float64 [S - 1]."""
        place = self.names.index(name)
        return np.delete(self.loss[:, place], place)

    def to_dict(self) -> dict:
        """Give plain lists for JSON."""
        return {
            "sets": list(self.names),
            "thresholds": self.thresholds.tolist(),
            "scores_by_picked_on_and_used_on": self.scores.tolist(),
            "loss_by_picked_on_and_used_on": self.loss.tolist(),
        }


def threshold_transfer(curves: Mapping[str, tuple]) -> Transfer:
    """Carry the best threshold of each set over to all sets.

    Args:
        curves: by set, rising thresholds [T] and the score at each, [T]; the sets may have different thresholds. A
            threshold between two of a set is taken as the next higher one, as it cuts off nearly the same.

    Returns:
        The `Transfer`.
    """
    curves = {name: (np.asarray(at, np.float64), np.asarray(score, np.float64)) for name, (at, score) in curves.items()}
    thresholds = np.array([at[np.argmax(score)] for at, score in curves.values()])
    scores = np.empty((len(curves), len(curves)))
    for place, (at, score) in enumerate(curves.values()):
        scores[:, place] = score[np.minimum(np.searchsorted(at, thresholds), len(at) - 1)]
    return Transfer(tuple(curves), thresholds, scores)
