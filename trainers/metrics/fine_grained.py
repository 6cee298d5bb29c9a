"""IoU picture by picture and class by class, and of the worst pictures (Wang et al., NeurIPS 2023 D&B, section 3).

A class counts in the pictures whose labels have it. The worst pictures are a twentieth, at least one, of those that
count: for a class by its own IoU, for all of them by the mean over the classes of a picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .jaccard import class_iou
from .streaming import Streaming

WORST = 0.05
"""Share of the pictures that are the worst."""

_BINS = 2048  # of IoU: that of the worst pictures is exact but for the share of one bin
_UNIT = 2**32  # IoU is added up in whole numbers of this part, so that the order of the pictures changes nothing


@dataclass(frozen=True, eq=False)
class FineGrainedResult:
    """Means over pictures; the catalogue explains the scalars."""

    class_image_miou: float
    worst_image_miou: float
    worst_class_image_miou: float
    by_class: dict[str, float]  # mean IoU over the pictures that have the class, where some have it

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures by name."""
        names = ("class_image_miou", "worst_image_miou", "worst_class_image_miou")
        return {name: getattr(self, name) for name in names}


class FineGrained(Streaming):
    """Takes in one confusion matrix a picture; of two parts of a data set it adds up to what one of all would be."""

    _settings = ("class_names",)
    _sums = ("_pictures", "_totals")

    def __init__(self, class_names: Sequence[str]):
        self.class_names = tuple(class_names)
        # A row for each class, and one of the means over a picture's classes.
        shape = (len(self.class_names) + 1, _BINS)
        self._pictures, self._totals = np.zeros(shape, np.int64), np.zeros(shape, np.int64)

    def add(self, confusion: np.ndarray) -> None:
        """Take in a picture by its confusion matrix, int64 [C, C]; one without a pixel that counts changes nothing."""
        there = np.flatnonzero(confusion.sum(axis=1))
        if not len(there):
            return
        iou = class_iou(confusion)[there]
        rows, values = np.append(there, len(self.class_names)), np.append(iou, iou.mean())
        bins = np.minimum((values * _BINS).astype(np.int64), _BINS - 1)
        self._pictures[rows, bins] += 1
        self._totals[rows, bins] += np.round(values * _UNIT).astype(np.int64)

    def result(self) -> FineGrainedResult | None:
        """Give the means so far; None where no picture counts."""
        pictures = self._pictures.sum(axis=1)
        there = np.flatnonzero(pictures[:-1])
        if not len(there):
            return None
        means = self._totals[there].sum(axis=1) / pictures[there] / _UNIT
        worst = [self._worst(row) for row in (*there, -1)]
        by_class = {self.class_names[index]: float(mean) for index, mean in zip(there, means)}
        return FineGrainedResult(float(means.mean()), worst[-1], float(np.mean(worst[:-1])), by_class)

    def _worst(self, row: int) -> float:
        """Mean of the lowest `WORST` of a row; of the last bin that they reach into, its mean stands for them."""
        pictures, totals = self._pictures[row], self._totals[row]
        left = count = max(1, int(WORST * pictures.sum()))
        total = 0.0
        for place in np.flatnonzero(pictures):
            taken = min(left, int(pictures[place]))
            total += totals[place] * (taken / pictures[place])
            left -= taken
            if not left:
                break
        return float(total / count / _UNIT)
