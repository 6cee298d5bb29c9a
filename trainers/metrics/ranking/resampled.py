"""Average precision of sets that have each picture so many times, and how far AP hangs on the pictures that there are.

Boxes are matched once: what a picture adds is the same however often it is drawn.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..resampling import CONFIDENCE, DRAWS, EACH_SIDE, Draws, bounds
from .average_precision import IOU_THRESHOLDS, RECALLS, Evaluation
from .matching import Found, Truth, mean_of_known

_AT_ONCE = 2_000_000  # boxes of a block of draws, whatever the data's size is

Pictures = Sequence[tuple[Truth, Found]]


def resampled_ap(pictures: Pictures, classes: int) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Give what gives AP of sets with each picture so many times, as `Judge.resampled`."""
    matches = _matches(pictures, classes)
    return lambda counts: {"ap": mean_of_known(_by_draw(matches, counts), axis=0)}


@dataclass(frozen=True, eq=False)
class Intervals:
    """Where AP lies with 95 % over sets of such pictures, (low, high): of all classes, and of each, float64 [K, 2].

    A class that one picture alone has, or none, has no interval: its ends are NaN.
    """

    ap: tuple[float, float]
    class_ap: np.ndarray
    class_pictures: np.ndarray  # int64 [K], how many pictures have a box of the class that counts
    draws: int

    @property
    def scalars(self) -> dict[str, float]:
        """`ap_low` and `ap_high`, where they exist."""
        return {name: end for name, end in zip(("ap_low", "ap_high"), self.ap) if not np.isnan(end)}

    @property
    def class_columns(self) -> dict[str, np.ndarray]:
        """`ap_low`, `ap_high` and `pictures`, each [K]."""
        low, high = self.class_ap.T
        return {"ap_low": low, "ap_high": high, "pictures": self.class_pictures}

    def to_dict(self) -> dict[str, Any]:
        """Give how the intervals were found, and that of all classes, as JSON-able data; the classes have theirs."""
        return {"confidence": CONFIDENCE, "draws": self.draws, **self.scalars}


def ap_intervals(pictures: Pictures, classes: int, *, count: int = DRAWS, seed: int = 0) -> Intervals:
    """Find the intervals of AP by the bootstrap over pictures: as many of them, drawn with replacement, `count` times.

    Bias-corrected percentiles, see `resampling.bounds`, widened for the pictures that have the class, since these are
    all that it goes by.
    """
    matches, size = _matches(pictures, classes), len(pictures)
    have = np.zeros((size, classes), bool)
    for place, (truth, _) in enumerate(pictures):
        have[place, truth.classes[~truth.ignored]] = True
    values = np.concatenate([_by_draw(matches, block) for block in Draws(size, count, seed)], axis=1)
    class_pictures = have.sum(axis=0)
    measured = _by_draw(matches, np.ones((1, size), np.int64))[:, 0]
    ends = [_ends(*of_class) for of_class in zip(values, class_pictures.tolist(), measured.tolist())]
    whole = _ends(mean_of_known(values, axis=0), int(have.any(axis=1).sum()), mean_of_known(measured))
    return Intervals(whole, np.array(ends, np.float64).reshape(-1, 2), class_pictures, count)


def _ends(values: np.ndarray, pictures: int, measured: float) -> tuple[float, float]:
    low, high = bounds(values, pictures, confidence=EACH_SIDE, measured=measured)
    return (low, high) if np.isfinite(low) else (float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class _ClassMatches:
    """COCOeval's matches of one class in all pictures, surest first."""

    pictures: np.ndarray  # int64 [P], those that have the class or something found of it
    truths: np.ndarray  # int64 [P], how many boxes of each count
    owners: np.ndarray  # int64 [N], the picture of each found box
    true: np.ndarray  # bool [10, N], by IoU threshold
    ignored: np.ndarray  # bool [10, N]

    def ap(self, counts: np.ndarray) -> np.ndarray:
        """Give AP by draw, float64 [R]; NaN without a box that counts."""
        truths = counts[:, self.pictures] @ self.truths
        rows = max(1, _AT_ONCE // max(1, len(self.owners)))
        blocks = [
            self._of_some(counts[first : first + rows], truths[first : first + rows])
            for first in range(0, len(counts), rows)
        ]
        return np.where(truths > 0, np.concatenate(blocks), np.nan)

    def _of_some(self, counts: np.ndarray, truths: np.ndarray) -> np.ndarray:
        weights = counts[:, self.owners]
        found = weights.cumsum(axis=1)
        ap = np.zeros(len(counts))
        for true, ignored in zip(self.true, self.ignored):
            # Precision rises, and recall moves, at true positives alone.
            places = np.flatnonzero(true)
            counted = (found - (weights * ignored).cumsum(axis=1) if ignored.any() else found)[:, places]
            hits = weights[:, places].cumsum(axis=1)
            precision = hits / (counted + np.spacing(1))
            envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            # How many of the recalls are reached at each: 0 at the first one, whatever its recall is.
            reached = np.searchsorted(RECALLS, hits / np.maximum(truths, 1)[:, None], side="right")
            ap += (envelope * np.diff(reached, axis=1, prepend=0)).sum(axis=1)
        return ap / (len(RECALLS) * len(self.true))


def _matches(pictures: Pictures, classes: int) -> list[_ClassMatches]:
    """Match by COCOeval, objects of all sizes together."""
    evaluation = Evaluation(pictures, classes)
    evaluation.params.areaRng, evaluation.params.areaRngLbl = evaluation.params.areaRng[:1], ["all"]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
    size, found = len(pictures), list[Any](evaluation.evalImgs)
    return [_of_class(found[size * index : size * (index + 1)]) for index in range(classes)]


def _of_class(found: Sequence[dict[str, Any] | None]) -> _ClassMatches:
    there = [(picture, one) for picture, one in enumerate(found) if one is not None]
    pictures = np.array([picture for picture, _ in there], np.int64)
    truths = np.array([np.count_nonzero(np.asarray(one["gtIgnore"]) == 0) for _, one in there], np.int64)
    scores = np.concatenate([np.zeros(0), *(one["dtScores"] for _, one in there)])
    order = np.argsort(-scores, kind="mergesort")
    owners = np.repeat(pictures, [len(one["dtScores"]) for _, one in there])[order]
    none = np.zeros((len(IOU_THRESHOLDS), 0))
    matched, ignored = (
        np.concatenate([none, *(one[name] for _, one in there)], axis=1)[:, order].astype(bool)
        for name in ("dtMatches", "dtIgnore")
    )
    return _ClassMatches(pictures, truths, owners, matched & ~ignored, ignored)


def _by_draw(matches: Sequence[_ClassMatches], counts: np.ndarray) -> np.ndarray:
    """AP by class and draw, float64 [K, R]."""
    counts = counts.astype(np.int32)
    return np.stack([one.ap(counts) for one in matches])
