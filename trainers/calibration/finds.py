"""What became of every box found in a data set: the record that curves are fitted to and measured by."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..metrics.calibration.boxes import rows_of
from ..metrics.ranking.matching import Found, Truth


@dataclass(frozen=True, eq=False)
class Finds:
    """Boxes found that count, columns [n]; see `metrics.calibration.boxes` for which do, and what they meet."""

    pictures: np.ndarray  # int64, the place of each one's picture
    classes: np.ndarray  # int64
    scores: np.ndarray  # float64 in [0, 1]
    right: np.ndarray  # float64, 1 of IoU .5 or more, else 0
    iou: np.ndarray  # float64, with the object that is met, 0 of a false find
    truths: np.ndarray  # int64 [K], how many true boxes of each class count
    count: int  # pictures

    @classmethod
    def of(cls, pictures: Iterable[tuple[Truth, Found]], classes: int, thresholds: np.ndarray | None = None) -> "Finds":
        """Match the boxes found in pictures that reach their class's threshold, float64 [K]; by default all.

        ValueError for scores that do not lie in [0, 1].
        """
        least = np.full(classes, -np.inf) if thresholds is None else thresholds
        truths, parts, place = np.zeros(classes, np.int64), [np.zeros((0, 5))], -1
        for place, (truth, found) in enumerate(pictures):
            truths += np.bincount(truth.classes[~truth.ignored], minlength=classes)
            reaching = found.scores >= least[found.classes]
            for index in np.unique(found.classes[reaching]):
                rows = rows_of(truth, found, index, reaching)
                parts.append(np.concatenate([np.full((len(rows), 1), place), rows], axis=1))
        whole = np.concatenate(parts)
        scores, right, iou = whole.T[2:]
        if not (np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()):
            raise ValueError(f"scores must lie in [0, 1], got [{scores.min()}, {scores.max()}]")
        numbers, kinds = whole[:, 0].astype(np.int64), whole[:, 1].astype(np.int64)
        return cls(numbers, kinds, scores, right, iou, truths, place + 1)

    def outcome(self, target: str) -> np.ndarray:
        """Give what a score is to tell of each, see `names.TARGETS`."""
        return self.right if target == "precision" else self.iou

    def where(self, kept: np.ndarray) -> "Finds":
        """Give some of them, by a mask [n]."""
        columns = ("pictures", "classes", "scores", "right", "iou")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    @property
    def rows(self) -> np.ndarray:
        """Class, score, whether it is right, and IoU, float64 [n, 4], as `calibration_of_rows` takes them."""
        return np.stack([self.classes, self.scores, self.right, self.iou], axis=1).astype(np.float64)

    def scored(self, scores: np.ndarray) -> "Finds":
        """Give the same finds with other scores [n]."""
        return replace(self, scores=scores)
