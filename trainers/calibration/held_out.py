"""What calibrating does to pictures that it has not seen: each half is calibrated by curves fitted to the other."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np

from ..metrics.calibration.boxes import IOU_BINS, PRECISION_BINS
from ..metrics.resampling import EACH_SIDE, Draws, bounds, over, weighted_sums
from .curves import Calibration
from .finds import Finds
from .fitting import fit

BLOCKS = 20
"""Pictures in a row are often alike, as frames of a video: every other block of them is a half."""
FIGURES = ("detection_ece", "laece_0", "laace_0")

Intervals = dict[str, list[float]]


@dataclass(frozen=True)
class Fitted:
    """Curves, what they were fitted to, and what they do to pictures left out; figures are by name.

    Attributes:
        calibration: fitted to all pictures.
        images: how many those are.
        detections: how many finds there are in them.
        before: by the network's own scores, D-ECE, LaECE_0 and LaACE_0, and figures that hang on thresholds.
        after: the same by calibrated scores; the three are of halves by the curves of the other half.
        before_intervals: [low, high] with 95 % of the three, by a bootstrap over the pictures.
        after_intervals: the same after.
    """

    calibration: Calibration
    images: int
    detections: int
    before: dict[str, float]
    after: dict[str, float]
    before_intervals: Intervals
    after_intervals: Intervals

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read what `to_dict` gave; ValueError, KeyError or TypeError for what is none."""
        figures = [{str(key): float(value) for key, value in values[name].items()} for name in ("before", "after")]
        intervals: list[Intervals] = []
        for name in ("before_intervals", "after_intervals"):
            intervals.append({str(key): [float(low), float(high)] for key, (low, high) in values[name].items()})
        ends = [end for one in intervals for pair in one.values() for end in pair]
        numbers = [*figures[0].values(), *figures[1].values(), *ends]
        if not all(map(math.isfinite, numbers)):
            raise ValueError("figures of a calibration must be finite")
        calibration, images, detections = (
            Calibration.from_dict(values),
            int(values["images"]),
            int(values["detections"]),
        )
        (before, after), (before_intervals, after_intervals) = figures, intervals
        return cls(calibration, images, detections, before, after, before_intervals, after_intervals)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON-able data, the curves beside the figures."""
        figures = {"before": self.before, "after": self.after}
        intervals = {"before_intervals": self.before_intervals, "after_intervals": self.after_intervals}
        return {
            **self.calibration.to_dict(), "images": self.images, "detections": self.detections, **figures, **intervals,
        }  # fmt: skip


def held_out_scores(finds: Finds, method: str, target: str) -> np.ndarray:
    """Calibrate the finds of each half of the pictures by curves fitted to the other half: float64 [n]."""
    blocks = min(BLOCKS, max(1, finds.count))
    half = finds.pictures * blocks // max(1, finds.count) % 2
    scores = np.array(finds.scores, np.float64)
    for place in (0, 1):
        # How many objects a half has of a class only tells whether the class is seen at all.
        curves = fit(finds.where(half != place), method, target)
        own = half == place
        scores[own] = curves.scores(scores[own], finds.classes[own])
    return scores


def with_intervals(finds: Finds, seed: int = 0) -> tuple[dict[str, float], Intervals]:
    """Give the `FIGURES` of finds that are shown, and where they lie with 95 % over such sets of pictures.

    What is not there is left out, and so are intervals of fewer than two pictures.
    """
    if not finds.count:
        return {}, {}
    whole = errors(finds, np.ones((1, finds.count)))
    figures = {name: float(values[0]) for name, values in whole.items() if np.isfinite(values[0])}
    if finds.count < 2:
        return figures, {}
    drawn = over(Draws(finds.count, seed=seed), partial(errors, finds))
    return figures, {name: list(bounds(drawn[name], finds.count, confidence=EACH_SIDE)) for name in figures}


def errors(finds: Finds, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Give the `FIGURES` of sets with each picture so many times, counts [R, pictures]: float64 [R] each."""
    counts = np.asarray(counts, np.float64)
    gaps, total = _binned(*_with_finds(finds, counts), finds.right, PRECISION_BINS)
    of_classes: dict[str, list[np.ndarray]] = {"laece_0": [], "laace_0": []}
    for index in np.flatnonzero(finds.truths):
        own, times = _with_finds(finds.where(finds.classes == index), counts)
        if not own.count:
            continue
        apart, boxes = _binned(own, times, own.iou, IOU_BINS)
        sums = weighted_sums(times, _by_picture(own, np.abs(own.scores - own.iou)))
        of_classes["laece_0"].append(_share(apart, boxes))
        of_classes["laace_0"].append(_share(sums, boxes))
    nothing = np.full(len(counts), np.nan)
    means = {name: _mean(np.array(values)) if values else nothing for name, values in of_classes.items()}
    return {"detection_ece": _share(gaps, total), **means}


def _with_finds(finds: Finds, counts: np.ndarray) -> tuple[Finds, np.ndarray]:
    """Leave out the pictures without a find, which most are for most classes, and their counts."""
    there, places = np.unique(finds.pictures, return_inverse=True)
    return replace(finds, pictures=places, count=len(there)), counts[:, there]


def _binned(finds: Finds, counts: np.ndarray, outcome: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Add up over the bins how far sums of score and outcome are apart; gives that and the number of boxes, [R]."""
    places = np.searchsorted(np.arange(1, bins) / bins, finds.scores, side="right")
    cells = finds.pictures * bins + places
    columns = [
        np.bincount(cells, weights=values, minlength=finds.count * bins).reshape(finds.count, bins)
        for values in (finds.scores - outcome, np.ones(len(outcome)))
    ]
    gaps, boxes = (weighted_sums(counts, column) for column in columns)
    return np.abs(gaps).sum(axis=1), boxes.sum(axis=1)


def _by_picture(finds: Finds, values: np.ndarray) -> np.ndarray:
    return np.bincount(finds.pictures, weights=values, minlength=finds.count)


def _share(sums: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    return np.divide(sums, boxes, out=np.full(len(sums), np.nan), where=boxes > 0)


def _mean(values: np.ndarray) -> np.ndarray:
    """Average columns [C, R] without NaN."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    return _share(np.where(there, values, 0.0).sum(axis=0), count)
