"""How well scores rank boxes by IoU, and what AP that can be worth (aLRP paper, section 5.2, Table 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .average_precision import IOU_THRESHOLDS, RECALLS
from .matching import ClassMatches


@dataclass(frozen=True)
class CorrelationBounds:
    """AP (`ap`, `ap50`, `ap75`, `ap90`) with the true positives' scores falling (rho = -1) or rising with their IoU."""

    lower: dict[str, float]
    upper: dict[str, float]


def rank_correlation(classes: Sequence[ClassMatches]) -> float:
    """Correlate (Pearson) the true positives' ranks by score and IoU, averaged over classes; NaN where none has two."""
    found = []
    for entries in classes:
        scores, iou = _ranks(entries.scores[entries.positive]), _ranks(entries.iou[entries.positive])
        if len(scores) and scores.std() and iou.std():
            found.append(np.corrcoef(scores, iou)[0, 1])
    return float(np.mean(found)) if found else float("nan")


def correlation_bounds(classes: Sequence[ClassMatches]) -> CorrelationBounds:
    """Give AP between the worst and the best order of the true positives, which keep the true boxes they met."""
    classes = [entries for entries in classes if entries.truths]
    return CorrelationBounds(lower=_with_order(classes, 1), upper=_with_order(classes, -1))


def _with_order(classes: list[ClassMatches], sign: int) -> dict[str, float]:
    """Give AP with the true positives' IoU rising (1) or falling (-1) as their scores fall."""
    precision = np.array([[_average_precision(entries, sign, iou) for entries in classes] for iou in IOU_THRESHOLDS])
    by_iou = precision.mean(axis=1) if classes else np.full(len(IOU_THRESHOLDS), np.nan)
    places = {"ap50": 0, "ap75": 5, "ap90": 8}
    return {"ap": float(by_iou.mean()), **{name: float(by_iou[place]) for name, place in places.items()}}


def _average_precision(entries: ClassMatches, sign: int, least: float) -> float:
    """Give COCO's average precision at one IoU: at each recall the highest precision from there on."""
    iou = entries.iou.copy()
    iou[entries.positive] = sign * np.sort(sign * entries.iou[entries.positive])
    hits = (entries.positive & (iou >= least)).cumsum()
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(hits / entries.truths, RECALLS, side="left")
    return float(np.append(precision, 0.0)[place].mean())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Rank values from 1; equal ones share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[inverse]
