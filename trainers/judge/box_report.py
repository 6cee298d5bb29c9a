"""How good a detector is on one source: COCO's average precision, LRP, and what scores are worth."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..calibration.held_out import Fitted
from ..figures.boxes import boxes_figure
from ..figures.class_bars import class_ap_figure
from ..figures.confusion import confusion_figure
from ..figures.precision_recall import precision_recall_figure
from ..figures.reliability import box_reliability_figure
from ..figures.thresholds import confidence_figure
from ..metrics.calibration.boxes import BoxCalibration
from ..metrics.confusion import Confusion
from ..metrics.ranking.average_precision import CocoResult
from ..metrics.ranking.correlation import CorrelationBounds
from ..metrics.ranking.lrp import LRPResult
from ..metrics.ranking.matching import by_class
from ..metrics.ranking.resampled import Intervals
from .base import Report, Thresholds
from .rescored import Uncalibrated, in_vain

LEAST_AP50 = 0.02


@dataclass(frozen=True, eq=False, repr=False)
class DetectionReport(Report):
    """How good a detector is on one source."""

    coco: CocoResult
    lrp: LRPResult
    rho: float  # correlation of the ranks by score and by IoU of the true positives; NaN where there are too few
    bounds: CorrelationBounds | None = None  # AP with these scores dealt out anew, where asked for
    model_classes: tuple[str, ...] | None = None  # where they are not those of the source
    calibration: BoxCalibration | None = None  # of the boxes that reach their thresholds
    thresholds_given: bool = False  # whether those are the model's own, not these data's best
    fitted: Fitted | None = None  # curves that were fitted to these data, by which its scores are calibrated
    uncalibrated: Uncalibrated | None = None  # by the network's own scores, where the report's are calibrated
    carried: dict[str, float] = field(default_factory=dict)  # F1 at thresholds that these data have not picked
    confusion: Confusion | None = None  # of the boxes that reach their thresholds, as calibration is
    intervals: Intervals | None = None  # of AP and of each class' AP, where asked for

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the source's classes."""
        return self.coco.class_names

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures; those that do not exist here (AP of large boxes where there are none) are left out."""
        rho = {} if np.isnan(self.rho) else {"rho": self.rho}
        calibration = self.calibration.scalars if self.calibration else {}
        return {**self.coco.scalars, **self.lrp.scalars, **rho, **calibration, **self.carried}

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class: `ap`, `ap50`, `ap75`, `olrp` and its components, `threshold`, `laece_0` and `laace_0`.

        Also what becomes of its objects, see `Confusion.class_scalars`, and with intervals `ap_low`, `ap_high` and
        `pictures`, how many have it. What does not exist is left out.
        """
        tables = [self.coco.class_scalars, self.lrp.class_scalars]
        tables += [part.class_scalars for part in (self.calibration, self.confusion) if part]
        if self.intervals:
            tables.append(by_class(self.class_names, self.intervals.class_columns))
        return {
            name: {key: value for one in tables for key, value in one.get(name, {}).items()}
            for name in self.class_names
        }

    @property
    def interval_scalars(self) -> dict[str, float]:
        """`ap_low` and `ap_high` of all classes, where asked for: apart from what is logged after each epoch."""
        return self.intervals.scalars if self.intervals else {}

    @property
    def note(self) -> str:
        """Say where calibrating did no good."""
        return in_vain(self.fitted) if self.fitted else ""

    @property
    def warning(self) -> str:
        """Look for boxes that are next to never right."""
        if self.coco.ap50 >= LEAST_AP50 or np.isnan(self.coco.ap50):
            return ""
        return f"hardly any object is found: AP50 is {self.coco.ap50:.3f}"

    @property
    def thresholds(self) -> Thresholds:
        """The threshold of the best F1 and its band, and by class of the model that of its oLRP (else that of all)."""
        scalars, classes = self.scalars, self.class_scalars
        optimal = float(scalars.get("f1_threshold", 0.5))
        names = self.class_names if self.model_classes is None else self.model_classes
        return {
            "optimal": optimal,
            "band": [float(scalars.get(name, optimal)) for name in ("band_low", "band_high")],
            "per_class": [float(classes.get(name, {}).get("threshold", optimal)) for name in names],
        }

    @property
    def class_thresholds(self) -> np.ndarray:
        """What a box of each class must reach to be shown, float64 [K]; infinity where nothing true is found."""
        return np.where(np.isnan(self.lrp.class_threshold), np.inf, self.lrp.class_threshold)

    def to_dict(self) -> dict[str, Any]:
        """Give all figures and curves."""
        curves = {**self.coco.curves, **self.lrp.curves}
        entries = {"scalars": self.scalars, "classes": self.class_scalars, "images": self.coco.images}
        beside = self.confusion.to_dict() if self.confusion else {}
        beside |= {"intervals": self.intervals.to_dict()} if self.intervals else {}
        beside |= {"correlation_bounds": asdict(self.bounds)} if self.bounds else {}
        beside |= {"score_calibration": self.fitted.to_dict()} if self.fitted else {}
        calibration = {}
        if self.calibration:
            origin = "model" if self.thresholds_given else "these data"
            calibration = {"calibration": {"thresholds_of": origin, **self.calibration.to_dict()}}
        before = {}
        if self.uncalibrated:
            told = {"scalars": self.uncalibrated.scalars, "classes": self.uncalibrated.class_scalars}
            before = {"uncalibrated": {**told, **self.uncalibrated.calibration.to_dict()}}
        return {**entries, "tau": self.lrp.tau, "curves": curves, **calibration, **before, **beside}

    def figures(self, title: str = "") -> dict[str, Figure]:
        """Draw precision over recall, F1 and LRP over the threshold, the classes, what scores are worth, and pictures.

        The pictures have what reaches its threshold.
        """
        drawn = {
            "precision_recall": precision_recall_figure(self.coco, title=title),
            "thresholds": confidence_figure(self.lrp, self.label, title=title),
            "class_ap": class_ap_figure(self.class_scalars, self.coco.ap, self.label, title=title),
        }
        if self.confusion:
            drawn["confusion"] = confusion_figure(self.confusion, title=title)
        if self.calibration:
            before = self.uncalibrated.calibration if self.uncalibrated else None
            drawn["reliability"] = box_reliability_figure(self.calibration, self.label, before=before, title=title)
        if self.pictures:
            cuts = self.class_thresholds
            drawn["panels"] = boxes_figure(self.pictures, self.class_names, thresholds=cuts, title=title)
        return drawn
