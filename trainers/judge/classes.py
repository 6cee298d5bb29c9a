"""Judging segmentation: class maps against labels, by intersection over union, and what confidence is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from matplotlib.figure import Figure

from ..data.example import Example
from ..figures.class_bars import class_iou_figure
from ..figures.classes import label_panels_figure
from ..figures.confusion import confusion_figure
from ..figures.reliability import pixel_reliability_figure
from ..geometry import IGNORE
from ..guarantees.losses import Counts
from ..metrics.boundary import BoundaryIoU
from ..metrics.calibration.class_temperature import ClassTemperature
from ..metrics.calibration.halves import half_of
from ..metrics.calibration.pixels import PixelCalibration
from ..metrics.calibration.reliability import Reliability
from ..metrics.catalogue import CATALOGUE
from ..metrics.confusion import Confusion
from ..metrics.expected_iou import ExpectedIoU
from ..metrics.fine_grained import FineGrained, FineGrainedResult
from ..metrics.jaccard import Jaccard, JaccardResult, class_pixels, confusion_matrix, resampled_agreement
from .base import Judge, Report, Thresholds, known
from .expected_iou import GROUP
from .likeliest import Likeliest

NEARLY_ALL = 0.97  # of the pixels
HONEST = 0.05
"""By how much the mIoU that probabilities promise may be another than it is."""


@dataclass(frozen=True, eq=False, repr=False)
class SegmentationReport(Report):
    """How good a segmentation is on one source: intersection over union, and the confusion of the classes."""

    jaccard: JaccardResult
    reliability: Reliability | None = None  # of the likeliest classes' probabilities, where these are known
    temperature: float = float("nan")  # of the logits, that would fit these data best; NaN where none does
    tempered: Reliability | None = None  # with the logits divided by it, each half of the pictures by the other's
    fine: FineGrainedResult | None = None  # picture by picture
    boundary: float = float("nan")  # mIoU near the classes' edges
    expected: float = float("nan")  # the mIoU that the probabilities promise, where it was asked for
    decided: "SegmentationReport | None" = None  # of the class maps that are best for that

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.jaccard.class_names

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures; those of calibration, of pictures and of edges as far as they exist."""
        errors = (float("nan") if one is None else one.error for one in (self.reliability, self.tempered))
        values = {"boundary_miou": self.boundary, "expected_miou": self.expected}
        values |= dict(zip(("pixel_ece", "tempered_ece"), errors))
        values |= {"temperature": self.temperature, **(self.fine.scalars if self.fine else {})}
        return self.jaccard.scalars | {name: value for name, value in values.items() if not np.isnan(value)}

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class: `share`, `iou`, `image_iou`, `recall` and `precision`; what does not exist is left out."""
        fine = self.fine.by_class if self.fine else {}
        decided = self.decided.jaccard.class_scalars if self.decided else {}
        rows = {}
        for name, row in self.jaccard.class_scalars.items():
            rows[name] = row | ({"image_iou": fine[name]} if name in fine else {})
            if "iou" in decided.get(name, {}):
                rows[name]["decided_iou"] = decided[name]["iou"]
        return rows

    @property
    def confusion(self) -> Confusion:
        """Which class pixels are taken for."""
        return Confusion(self.jaccard.confusion, self.class_names)

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
        figures = self.jaccard.to_dict() | {"scalars": self.scalars, "classes": self.class_scalars}
        if self.reliability is not None:
            figures |= {"calibration": {"bins": self.reliability.to_dict()}}
        if self.decided is not None:
            figures |= {"decided": {"group": GROUP, **self.decided.to_dict()}}
        return figures

    def figures(self, title: str = "") -> dict[str, Figure]:
        """Draw IoU by class, the confusion of the classes, what confidence is worth, and the pictures."""
        drawn = {
            "class_iou": class_iou_figure(self.jaccard, self.label, title=title),
            "confusion": confusion_figure(self.confusion, title=title),
        }
        if self.reliability is not None:
            drawn["reliability"] = pixel_reliability_figure(
                self.reliability, self.label, "right", temperature=self.temperature, tempered=self.tempered, title=title
            )
        if self.pictures:
            drawn["panels"] = label_panels_figure(self.pictures, self.class_names, title=title)
        if self.decided is not None:
            drawn |= {f"decided_{name}": figure for name, figure in self.decided.figures(title).items()}
        return drawn

    @property
    def note(self) -> str:
        """Say where class maps were decided by probabilities that promise what is not so."""
        measured = self.jaccard.dataset_miou_present
        if self.decided is None or abs(self.expected - measured) <= HONEST:
            return ""
        return (
            f"the probabilities promise the likeliest classes a mIoU of {self.expected:.3f}, and it is {measured:.3f}: "
            "what is decided by them is worth as little"
        )


class ClassJudge(Judge[Likeliest | np.ndarray, SegmentationReport]):
    """Judges class maps of the examples' classes, as `Likeliest`; arguments as in `Jaccard` and `Judge`.

    Class maps alone, uint8 [H, W], are taken, too: then nothing is known of their confidence. With the decision "iou"
    each `Likeliest` must have a `decided` class map, which is judged beside it.
    """

    kind = "labels"
    settings = ("decision",)

    def __init__(self, class_names: Sequence[str], *, batch_size: int = 16, decision: str = "argmax", **options: Any):
        super().__init__(**options)
        self.decision, self.decided = decision, None
        if decision != "argmax":
            told = {name: value for name, value in options.items() if name in ("start", "shown")}
            label = f"{self.label}, decided for {CATALOGUE['iou'].heading}"
            self.decided = ClassJudge(class_names, batch_size=batch_size, label=label, **told)
            self.expected, self.expected_decided = ExpectedIoU(class_names), ExpectedIoU(class_names)
        self.jaccard = Jaccard(class_names, batch_size=batch_size, start=self._next)
        self.fine, self.boundary = FineGrained(class_names), BoundaryIoU(class_names)
        self.pixels, self.temperature = PixelCalibration(), ClassTemperature()
        self.measures = {"jaccard": self.jaccard, "fine": self.fine, "boundary": self.boundary}
        self.measures |= {"pixels": self.pixels, "temperature": self.temperature}
        if self.losses:
            self.measures["losses"] = self.losses
        if self.decided:
            self.measures |= {"expected": self.expected, "expected_decided": self.expected_decided}

    def _measure(self, example: Example, found: Likeliest | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = known(example, "labels")
        classes = found.classes if isinstance(found, Likeliest) else found
        self.fine.add(self.jaccard.update(labels, classes))
        self.boundary.update(labels, classes)
        if self.decided:
            self._measure_decided(example, found)
        if isinstance(found, Likeliest):
            right = (labels == classes).astype(np.uint8)
            right[labels == IGNORE] = IGNORE
            self.pixels.update(found.confidence, right)
            if self.losses:
                self.losses.add(example, Counts.of_classes(right, found.confidence))
            if found.sample is not None:
                self.temperature.update(found.sample, labels, half_of(example.name))
        return labels, classes

    def _measure_decided(self, example: Example, found: Likeliest | np.ndarray) -> None:
        assert self.decided
        if not isinstance(found, Likeliest) or found.decided is None:
            raise ValueError(f"the decision {self.decision} needs the decided class map of {example.name}")
        self.decided.update(example, found.decided.classes)
        self.expected.add(found.decided.promised_likeliest)
        self.expected_decided.add(found.decided.promised)

    def merge(self, other: Self) -> None:
        """As `Judge.merge`."""
        super().merge(other)
        if self.decided and other.decided:
            self.decided.merge(other.decided)

    def end_at(self, position: int) -> None:
        """As `Judge.end_at`."""
        super().end_at(position)
        if self.decided:
            self.decided.end_at(position)

    def _row(self, truth: np.ndarray, found: np.ndarray) -> np.ndarray:
        return class_pixels(confusion_matrix(truth, found, len(self.jaccard.class_names)))

    def _resampled(self, rows: list[np.ndarray]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        return partial(resampled_agreement, np.stack(rows))

    def result(self) -> SegmentationReport:
        """Give the report of all class maps so far."""
        reliability = self.pixels.result()
        if reliability is not None and not reliability.counts.any():
            reliability = None  # class maps alone were given
        by_temperature = (self.temperature.result(), self.temperature.tempered())
        report = SegmentationReport(
            self.jaccard.result(), reliability, *by_temperature, self.fine.result(), self.boundary.result(),
            pictures=self.pictures, label=self.label, guarantee=self.guarantee,
        )  # fmt: skip
        if not self.decided:
            return report
        there = report.jaccard.confusion.sum(axis=1) > 0
        decided = replace(self.decided.result(), expected=self.expected_decided.result(there))
        return replace(report, expected=self.expected.result(there), decided=decided)
