"""Judging segmentation: class maps against labels, by intersection over union."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..data.example import Example
from ..figures.classes import class_iou_figure, confusion_figure, label_panels_figure
from ..metrics.jaccard import Jaccard, JaccardResult, class_pixels, confusion_matrix, resampled_agreement
from .base import Judge, Report, Thresholds, known

NEARLY_ALL = 0.97  # of the pixels


@dataclass(frozen=True, eq=False, repr=False)
class SegmentationReport(Report):
    """How good a segmentation is on one source: intersection over union, and the confusion of the classes."""

    jaccard: JaccardResult

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.jaccard.class_names

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures."""
        return self.jaccard.scalars

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class: `share`, `iou`, `recall` and `precision`; what does not exist is left out."""
        return self.jaccard.class_scalars

    @property
    def warning(self) -> str:
        """Look for a class that takes nearly all pixels, also those of others."""
        confusion = self.jaccard.confusion
        found, true = (confusion.sum(axis=axis) / max(1, confusion.sum()) for axis in (0, 1))
        most = int(found.argmax())
        if found[most] < NEARLY_ALL or found[most] - true[most] < 1 - NEARLY_ALL:
            return ""
        name = self.class_names[most]
        return f"nearly every pixel is called {name}: {found[most]:.1%} of all, where {true[most]:.1%} are"

    @property
    def thresholds(self) -> Thresholds:
        """The likeliest class needs no threshold: it is taken whatever its probability is."""
        return {"optimal": 0.0, "band": [0.0, 0.0], "per_class": []}

    def to_dict(self) -> dict[str, Any]:
        """Give all figures."""
        return self.jaccard.to_dict()

    def figures(self, title: str = "") -> dict[str, Figure]:
        """Draw IoU by class, the confusion of the classes, and the pictures."""
        drawn = {
            "class_iou": class_iou_figure(self.jaccard, self.label, title=title),
            "confusion": confusion_figure(self.jaccard, title=title),
        }
        if self.pictures:
            drawn["panels"] = label_panels_figure(self.pictures, self.class_names, title=title)
        return drawn


class ClassJudge(Judge[np.ndarray, SegmentationReport]):
    """Judges class maps, uint8 [H, W], of the examples' classes; arguments as in `Jaccard` and `Judge`."""

    def __init__(self, class_names: Sequence[str], *, batch_size: int = 16, **options: Any):
        super().__init__(**options)
        self.jaccard = Jaccard(class_names, batch_size=batch_size, start=self._next)
        self.measures = {"jaccard": self.jaccard}

    def _measure(self, example: Example, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = known(example, "labels")
        self.jaccard.update(labels, found)
        return labels, found

    def _row(self, truth: np.ndarray, found: np.ndarray) -> np.ndarray:
        return class_pixels(confusion_matrix(truth, found, len(self.jaccard.class_names)))

    def _resampled(self, rows: list[np.ndarray], counts: np.ndarray) -> dict[str, np.ndarray]:
        return resampled_agreement(np.stack(rows), counts)

    def result(self) -> SegmentationReport:
        """Give the report of all class maps so far."""
        return SegmentationReport(self.jaccard.result(), pictures=self.pictures, label=self.label)
