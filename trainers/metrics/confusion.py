"""Which class is taken for which: a table of counts, of pixels or of boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

BACKGROUND = "background"


@dataclass(frozen=True, eq=False)
class Confusion:
    """What was counted, by truth and prediction.

    Attributes:
        counts: int64 [n, n], by true (row) and predicted (column) class.
        names: those of rows and columns; with a background, its name stands behind those of the classes.
        background: whether the last row is what is predicted where nothing is, and the last column what is not found.
    """

    counts: np.ndarray
    names: tuple[str, ...]
    background: bool = False

    @classmethod
    def with_background(cls, counts: np.ndarray, class_names: Sequence[str]) -> "Confusion":
        """Name the last row and column of counts [K + 1, K + 1] as no class is called."""
        name = BACKGROUND if BACKGROUND not in class_names else f"no {BACKGROUND}, nor others"
        return cls(counts, (*class_names, name), background=True)

    @property
    def classes(self) -> int:
        """How many classes there are, the background not among them."""
        return len(self.names) - self.background

    @property
    def shares(self) -> np.ndarray:
        """Each row as shares of its sum, float64 [n, n]; NaN where that is 0."""
        total = self.counts.sum(axis=1, keepdims=True)
        return np.divide(self.counts, total, out=np.full(self.counts.shape, np.nan), where=total > 0)

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class, of a table with a background: how many objects are found `right`, `mistaken`, `missed`, and more.

        `objects` is how many there are, `false_finds` how often the class is found where nothing is.
        """
        kinds = self.classes
        right = np.diagonal(self.counts)[:kinds]
        objects, missed = self.counts[:kinds].sum(axis=1), self.counts[:kinds, kinds:].sum(axis=1)
        false_finds = self.counts[kinds:, :kinds].sum(axis=0)
        columns = {
            "objects": objects,
            "right": right,
            "mistaken": objects - right - missed,
            "missed": missed,
            "false_finds": false_finds,
        }
        return {
            name: {key: float(values[index]) for key, values in columns.items()}
            for index, name in enumerate(self.names[:kinds])
        }

    def mistakes(self, most: int) -> list[tuple[str, str, int, int]]:
        """Give the pairs of classes that are taken for each other most often, at most so many.

        Each is the true class, what it is taken for, how often, and how many there are of the true class.
        """
        between = self.counts[: self.classes, : self.classes].copy()
        np.fill_diagonal(between, 0)
        order = np.argsort(-between, axis=None, kind="stable")[:most]
        total = self.counts.sum(axis=1)
        return [
            (self.names[row], self.names[column], int(between[row, column]), int(total[row]))
            for row, column in zip(*np.unravel_index(order, between.shape))
            if between[row, column]
        ]

    def to_dict(self) -> dict[str, Any]:
        """Give the table as JSON-able data."""
        return {"confusion": self.counts.tolist(), "confusion_names": list(self.names)}
