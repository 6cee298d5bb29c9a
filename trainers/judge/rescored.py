"""A detector's boxes by calibrated scores and by its network's own: the same boxes, in the same order of each class."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..calibration.finds import Finds
from ..calibration.held_out import Fitted
from ..calibration.names import worsened
from ..metrics.calibration.boxes import BoxCalibration, calibration_of_rows
from ..metrics.catalogue import metrics_of
from ..metrics.ranking.average_precision import CocoAP
from ..metrics.ranking.lrp import LRP, LRPResult, Sweep
from ..metrics.ranking.matching import Found, Truth, by_class

HALF = 0.5
"""The threshold that is taken where nobody has chosen one."""
_THRESHOLDS = ("f1", "f1_threshold", "band_low", "band_high", "lrp", "lrp_threshold", "lrp_band_low", "lrp_band_high")

Pictures = list[tuple[Truth, Found]]


@dataclass(frozen=True, eq=False)
class Uncalibrated:
    """What a report says of the network's own scores, beside the calibrated ones: what hangs on more than their order.

    Attributes:
        lrp: F1 and LRP over the threshold.
        calibration: of the same boxes as in the report.
        carried: F1 at thresholds that these data have not picked, see `carried`.
    """

    lrp: LRPResult
    calibration: BoxCalibration
    carried: dict[str, float]

    @property
    def scalars(self) -> dict[str, float]:
        """The figures by name; those that do not exist are left out."""
        found = self.lrp.scalars
        thresholds = {name: found[name] for name in _THRESHOLDS if name in found}
        return {**self.calibration.scalars, **thresholds, **self.carried}

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class: `threshold`, `laece_0` and `laace_0`."""
        thresholds = by_class(self.lrp.class_names, {"threshold": self.lrp.class_threshold})
        return {name: {**values, **self.calibration.class_scalars[name]} for name, values in thresholds.items()}


def in_vain(fitted: Fitted) -> str:
    """Say that calibrating did no good to pictures left out; nothing where it did."""
    aim = worsened(fitted.calibration.target, fitted.before, fitted.after)
    if not aim:
        return ""
    metric = metrics_of(aim)[0]
    return (
        f"calibrating did not help: {metric.heading} of pictures left out is {metric.text(fitted.after[aim])}, and was "
        f"{metric.text(fitted.before[aim])}. With more pictures for --val it may; --calibration none leaves scores be"
    )


def rescored(
    pictures: Iterable[tuple[Truth, Found]], scores: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Pictures:
    """Give the same boxes with what a function makes of their scores and classes."""
    return [
        (truth, Found(found.boxes, scores(found.scores, found.classes), found.classes)) for truth, found in pictures
    ]


def measures_of(pictures: Pictures, class_names: Sequence[str]) -> tuple[CocoAP, LRP]:
    """Take in pictures anew."""
    coco, lrp = CocoAP(class_names), LRP(class_names)
    for truth, found in pictures:
        coco.update(truth, found)
        lrp.update(truth, found)
    return coco, lrp


def carried(lrp: LRP, threshold: float | None) -> dict[str, float]:
    """Give F1 at a threshold that other data have picked, where there is one, and at 0.5: `transferred`, `f_half`."""
    sweep = Sweep.over(lrp.matches.by_class(), lrp.matches.tau)
    at = {"transferred": threshold, "f_half": HALF}
    asked = {name: value for name, value in at.items() if value is not None}
    return dict(zip(asked, map(float, sweep.at(sweep.f1, np.array(list(asked.values()))))))


def shown_calibration(finds: Finds, scores: np.ndarray, class_names: Sequence[str], cuts: np.ndarray) -> BoxCalibration:
    """Measure such scores of finds that are shown; `cuts` float64 [K] are the thresholds that such scores had."""
    return calibration_of_rows(finds.scored(scores).rows, finds.truths, class_names, cuts)
