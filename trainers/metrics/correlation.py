"""How well scores rank boxes by their IoU, and what AP would be if they did so perfectly or the wrong way round.

Section 5.2 and Table 5 of the aLRP paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .average_precision import IOU_THRESHOLDS, RECALLS
from .matching import ClassMatches


@dataclass(frozen=True)
class CorrelationBounds:
    """AP with the scores of the true positives dealt out anew; each a dict of `ap`, `ap50`, `ap75` and `ap90`.

    Attributes:
        lower: the lower the IoU of a true positive, the higher its score (rho = -1).
        upper: the higher its IoU, the higher its score (rho = 1).
    """

    lower: dict[str, float]
    upper: dict[str, float]


def rank_correlation(classes: Sequence[ClassMatches]) -> float:
    """Give rho in [-1, 1]: Pearson's correlation between the ranks by score and by IoU of the true positives.

    Equal values share their mean rank. Averaged over the classes (see `Matches.by_class`); NaN where no class has two
    true positives that differ in both.
    """
    found = []
    for entries in classes:
        scores, iou = _ranks(entries.scores[entries.positive]), _ranks(entries.iou[entries.positive])
        if len(scores) and scores.std() and iou.std():
            found.append(np.corrcoef(scores, iou)[0, 1])
    return float(np.mean(found)) if found else float("nan")


def correlation_bounds(classes: Sequence[ClassMatches]) -> CorrelationBounds:
    """Give AP between the worst and the best order of the true positives.

    The true positives of a class keep their scores together, only who has which changes; false positives keep theirs.
    Who met which true box stays, too: at a higher IoU than that of the matching a true positive counts where its own
    IoU reaches that. So AP at the IoU of the matching is the same in both.
    """
    classes = [entries for entries in classes if entries.truths]
    return CorrelationBounds(lower=_with_order(classes, 1), upper=_with_order(classes, -1))


def _with_order(classes: list[ClassMatches], sign: int) -> dict[str, float]:
    """Give AP with the true positives' IoU rising (1) or falling (-1) as their scores fall."""
    precision = np.array([[_average_precision(entries, sign, iou) for entries in classes] for iou in IOU_THRESHOLDS])
    by_iou = precision.mean(axis=1) if classes else np.full(len(IOU_THRESHOLDS), np.nan)
    return {
        "ap": float(by_iou.mean()),
        **{
            f"ap{round(100 * iou)}": float(by_iou[place])
            for place, iou in enumerate(IOU_THRESHOLDS)
            if place in (0, 5, 8)
        },
    }


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
