"""Calibration errors of a detector's scores: of boxes found against precision, and against IoU.

D-ECE (Küppers et al., CVPRW 2020) takes how many boxes of a bin are right; LaECE_0 and LaACE_0 (Kuzucu et al., On
Calibration of Object Detectors, ECCV 2024) take the IoU with the object that each box meets, however small (tau = 0),
and 0 where it meets none. As in the code of the latter, D-ECE has 10 bins and IoU .5, LaECE_0 25 bins a class, and
LaACE_0 each box as a bin of its own.

What these leave open: boxes that AP leaves out (they meet a difficult one or a crowd) are left out of all three; what
touches an object, with an IoU above 0, meets it; and classes without a box that counts, or without one that is found,
are left out of the means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...geometry import box_iou
from ..ranking.matching import IGNORED, TRUE_POSITIVE, Found, Truth, by_class, match, mean_of_known
from .reliability import Reliability

PRECISION_BINS, IOU_BINS = 10, 25
RIGHT = 0.5  # least IoU of a box that is right
_TOUCHING = float(np.nextafter(0, 1))


@dataclass(frozen=True, eq=False)
class BoxCalibration:
    """How far scores are from what the boxes found are worth; NaN where nothing is found. Arrays [K] by class."""

    detection_ece: float
    laece_0: float
    laace_0: float
    class_laece_0: np.ndarray
    class_laace_0: np.ndarray
    precision: Reliability  # of all classes together, whether boxes are right
    iou: Reliability  # of all classes together, the IoU
    class_names: tuple[str, ...]
    thresholds: np.ndarray  # float64 [K], what a box of each class had to reach

    @property
    def scalars(self) -> dict[str, float]:
        """The three figures by name, those that are NaN left out."""
        values = {name: getattr(self, name) for name in ("detection_ece", "laece_0", "laace_0")}
        return {name: value for name, value in values.items() if not np.isnan(value)}

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class name: `laece_0` and `laace_0`, those that are NaN left out."""
        return by_class(self.class_names, {"laece_0": self.class_laece_0, "laace_0": self.class_laace_0})

    def to_dict(self) -> dict[str, Any]:
        """Give thresholds and bins as JSON-able data."""
        pairs = zip(self.class_names, self.thresholds.tolist())
        thresholds = {
            name: value for name, value in pairs if np.isfinite(value)
        }  # a class that no model finds has none
        return {"thresholds": thresholds, "precision": self.precision.to_dict(), "iou": self.iou.to_dict()}


def calibration_of_rows(
    rows: np.ndarray, truths: np.ndarray, class_names: Sequence[str], thresholds: np.ndarray
) -> BoxCalibration:
    """Measure boxes that reach their thresholds, rows [n, 4] as of `rows_of`; `truths` [K] are how many count."""
    kinds, scores, right, iou = rows.T
    laece, laace = np.full((2, len(class_names)), np.nan)
    for index in np.flatnonzero(truths):
        if (own := kinds == index).any():
            laece[index] = Reliability.of(scores[own], iou[own], IOU_BINS).error
            laace[index] = np.abs(scores[own] - iou[own]).mean()
    precision, overlap = Reliability.of(scores, right, PRECISION_BINS), Reliability.of(scores, iou, IOU_BINS)
    means = (precision.error, mean_of_known(laece), mean_of_known(laace))
    return BoxCalibration(*means, laece, laace, precision, overlap, tuple(class_names), thresholds)


def rows_of(truth: Truth, found: Found, index: int, reaching: np.ndarray) -> np.ndarray:
    """Give class, score, whether it is right, and IoU of each find of a class in one picture that counts, [n, 4].

    Boxes that do not reach the threshold, bool [all found], take no object from those above it.
    """
    places = found.of_class(index)
    places, true = places[reaching[places]], np.flatnonzero(truth.classes == index)
    iou = box_iou(found.boxes[places], truth.boxes[true], truth.crowd[true])
    fate, _ = match(iou, truth.ignored[true], RIGHT)
    counts = fate != IGNORED
    iou = iou[counts][:, ~truth.ignored[true]]
    _, met = match(iou, np.zeros(iou.shape[1], bool), _TOUCHING)
    reached = np.where(met >= 0, iou[np.arange(len(iou)), met], 0.0) if iou.size else np.zeros(len(iou))
    return np.stack([np.full(len(iou), index), found.scores[places][counts], fate[counts] == TRUE_POSITIVE, reached], 1)
