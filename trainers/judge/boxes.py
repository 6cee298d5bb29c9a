"""Judging detection: boxes against true boxes, by COCO's average precision, by LRP, and by what scores are worth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from ..calibration.curves import Calibration
from ..calibration.finds import Finds
from ..calibration.fitting import fit
from ..calibration.held_out import Fitted, held_out_scores, with_intervals
from ..data.example import Example
from ..guarantees.losses import Counts
from ..metrics.ranking.average_precision import CocoAP
from ..metrics.ranking.confusion import confused
from ..metrics.ranking.correlation import correlation_bounds, rank_correlation
from ..metrics.ranking.lrp import LRP, LRPResult
from ..metrics.ranking.matching import Found, Truth
from ..metrics.ranking.resampled import ap_intervals, resampled_ap
from .base import Judge, known
from .box_report import DetectionReport
from .rescored import Uncalibrated, carried, measures_of, rescored, shown_calibration

_LOWERED = 1 - 1e-5
"""By what thresholds of fitted scores lie lower: a file's own float32 scores may be less by its rounding."""


class BoxJudge(Judge[Found, DetectionReport]):
    """Judges boxes, as `Found`, by the names of the examples' classes; options as in `Judge`.

    Boxes of a model with other classes are brought together with these by name, and left out where only the model knows
    theirs. `correlation_bounds` measures AP with the true positives' scores in the worst and the best order, too.
    `thresholds`, one for each class of the model, tell which boxes it shows: calibration is measured of these. Without
    them the ones that LRP finds best on the examples take their place. `calibrate`, a method and a target as in
    `calibration.fitting.fit`, fits curves to the examples, by which the report then goes. `calibration` are the curves
    by which the scores are calibrated already: then the report knows the network's own as well. `carried` are single
    thresholds that others have picked, of the scores and of the network's own, None where there is none. `intervals`
    is how many sets of the pictures are drawn to find those of AP, 0 for none.
    """

    kind = "boxes"
    settings = ("model_classes", "correlation_bounds", "thresholds", "calibrate", "calibration", "carried", "intervals")

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        model_classes: Sequence[str] | None = None,
        correlation_bounds: bool = False,
        thresholds: Sequence[float] | None = None,
        calibrate: tuple[str, str] | None = None,
        calibration: Calibration | None = None,
        carried: tuple[float | None, float | None] | None = None,
        intervals: int = 0,
        **options: Any,
    ):
        super().__init__(**options)
        self.coco, self.lrp = CocoAP(class_names, start=self._next), LRP(class_names, start=self._next)
        self.measures = {"coco": self.coco, "lrp": self.lrp} | ({"losses": self.losses} if self.losses else {})
        self.model_classes = None if model_classes is None else tuple(model_classes)
        self.correlation_bounds = correlation_bounds
        self.thresholds = None if thresholds is None else tuple(map(float, thresholds))
        self.calibrate, self.calibration, self.carried = calibrate, calibration, carried
        self.intervals = intervals
        places = {name: index for index, name in enumerate(class_names)}
        known = class_names if model_classes is None else model_classes
        self._places = np.array([places.get(name, -1) for name in known], np.int64)
        if self.thresholds is not None and len(self.thresholds) != len(known):
            raise ValueError(f"thresholds must be one for each of {len(known)} classes, got {len(self.thresholds)}")
        if calibration is not None and len(calibration.curves) != len(known):
            raise ValueError(f"calibration must have {len(known)} curves, one a class, got {len(calibration.curves)}")

    def _measure(self, example: Example, found: Found) -> tuple[Truth, Found]:
        classes = self._places[found.classes]
        there, others = classes >= 0, found.scores[classes < 0]
        found = Found(found.boxes[there], found.scores[there], classes[there])
        boxes, kinds = known(example, "boxes"), known(example, "classes")
        truth = Truth(boxes, kinds, example.difficult, example.crowd, example.areas)
        self.coco.update(truth, found)
        self.lrp.update(truth, found)
        if self.losses:
            iou = self.losses.promise.iou
            self.losses.add(example, Counts.of_boxes(self.coco.class_names, truth, found, iou, others=others))
        return truth, found

    def _row(self, truth: Truth, found: Found) -> tuple[Truth, Found]:
        return truth, found

    def _resampled(self, rows: list[tuple[Truth, Found]]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        return resampled_ap(rows, len(self.coco.class_names))

    @classmethod
    def without_each(cls, parts: Sequence[Self], name: str) -> np.ndarray | None:
        """As `Judge.without_each`, of AP: boxes are matched once, not anew for each part that is left out."""
        if name != "ap":
            return None
        pictures = [picture for part in parts for picture in part.coco.pictures]
        counts = np.ones((len(parts), len(pictures)), np.int64)
        ends = np.cumsum([len(part.coco.pictures) for part in parts])
        for row, part, end in zip(counts, parts, ends):
            row[end - len(part.coco.pictures) : end] = 0
        return resampled_ap(pictures, len(parts[0].coco.class_names))(counts)["ap"]

    def scalar(self, name: str) -> float:
        """Give one figure of the scores as they are, which takes no curves."""
        return self._report(self.coco, self.lrp).scalars[name]

    def result(self) -> DetectionReport:
        """Give the report of all pictures so far."""
        if self.calibrate:
            return self.fitted_report(self.calibrate)
        names, report = self.coco.class_names, self._report(self.coco, self.lrp)
        cuts = self._cuts(report.lrp)
        shown = Finds.of(self.coco.pictures, len(names), cuts)
        report = replace(
            self._with_classes(report, self.coco, cuts),
            calibration=shown_calibration(shown, shown.scores, names, cuts), guarantee=self.guarantee,
            carried=carried(self.lrp, self.carried[0]) if self.carried else {},
        )  # fmt: skip
        if self.calibration is None:
            return report
        of_source = np.full(len(names), -1)
        there = self._places >= 0
        of_source[self._places[there]] = np.flatnonzero(there)
        curves = self.calibration.of_classes(of_source)
        _, own = measures_of(rescored(self.coco.pictures, curves.undone), names)
        before = shown_calibration(shown, curves.undone(shown.scores, shown.classes), names, cuts)
        at_thresholds = carried(own, self.carried[1]) if self.carried else {}
        return replace(report, uncalibrated=Uncalibrated(own.result(), before, at_thresholds))

    def fitted_report(self, by: tuple[str, str]) -> DetectionReport:
        """Calibrate what was found by curves fitted to it; how well they do is measured on halves left out."""
        before, names = self._report(self.coco, self.lrp), self.coco.class_names
        cuts = self._cuts(before.lrp)
        finds = Finds.of(self.coco.pictures, len(names))
        are_shown = finds.scores >= cuts[finds.classes]
        shown = finds.where(are_shown)
        # Behind the source's classes comes one that is never seen: its curve is that of all, for classes not there.
        curves = fit(replace(finds, truths=np.append(finds.truths, 0)), *by)
        own = Uncalibrated(before.lrp, shown_calibration(shown, shown.scores, names, cuts), carried(self.lrp, None))

        def scores(given: np.ndarray, classes: np.ndarray) -> np.ndarray:
            return curves.scores(given, classes) * _LOWERED

        coco, lrp = measures_of(rescored(self.coco.pictures, scores), names)
        left_out = held_out_scores(finds, *by)[are_shown]
        levels = np.where(np.isfinite(cuts), scores(cuts, np.arange(len(cuts))), np.inf)
        report = replace(
            self._with_classes(self._report(coco, lrp), coco, levels),
            calibration=shown_calibration(shown, left_out, names, levels),
            carried=carried(lrp, None),
            uncalibrated=own,
            pictures=[one._replace(found=rescored([one[1:3]], scores)[0][1]) for one in self.pictures],
        )
        _, before_intervals = with_intervals(shown)
        _, after_intervals = with_intervals(shown.scored(left_out))
        model = curves.of_classes(np.where(self._places < 0, len(names), self._places))
        fitted = Fitted(
            model, finds.count, len(finds.scores), {"ap": before.coco.ap, **own.scalars},
            {name: report.scalars[name] for name in ("ap", *own.scalars) if name in report.scalars},
            before_intervals, after_intervals,
        )  # fmt: skip
        return replace(report, fitted=fitted)

    def _report(self, coco: CocoAP, lrp: LRP) -> DetectionReport:
        """Give the report without calibration."""
        matches = lrp.matches.by_class()
        bounds = correlation_bounds(matches) if self.correlation_bounds else None
        given = self.thresholds is not None
        return DetectionReport(
            coco.result(), lrp.result(), rank_correlation(matches), bounds, self.model_classes,
            thresholds_given=given, pictures=self.pictures, label=self.label,
        )  # fmt: skip

    def _with_classes(self, report: DetectionReport, coco: CocoAP, cuts: np.ndarray) -> DetectionReport:
        """Add which classes are taken for which, at thresholds float64 [K], and the intervals that were asked for."""
        pictures, names = coco.pictures, coco.class_names
        intervals = ap_intervals(pictures, len(names), count=self.intervals) if self.intervals else None
        return replace(report, confusion=confused(pictures, names, cuts), intervals=intervals)

    def _cuts(self, lrp: LRPResult) -> np.ndarray:
        """Give what a box of each class of the source must reach, float64 [K], as a card made of these data would."""
        if self.thresholds is None:
            optimal = 0.5 if np.isnan(lrp.f1_threshold) else lrp.f1_threshold
            return np.where(np.isnan(lrp.class_threshold), optimal, lrp.class_threshold)
        cuts = np.full(len(self.coco.class_names), np.inf)
        there = self._places >= 0
        cuts[self._places[there]] = np.array(self.thresholds)[there]
        return cuts
