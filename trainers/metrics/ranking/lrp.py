"""Localisation-recall-precision error (LRP) and F1 over the score threshold s, with thresholds that are best and safe.

LRP(s) = (FP + FN + sum over TP of (1 - IoU) / (1 - tau)) / (FP + FN + TP) (Oksuz et al., ECCV 2018; eq. 6 of the aLRP
paper); the optimal LRP (oLRP) of a class is its minimum over s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ...errors import MetricfitError
from ..histogram import THRESHOLDS
from ..streaming import Streaming
from ..threshold_band import band_around
from .matching import ClassMatches, Found, Matches, Truth, by_class, mean_of_known

_COMPONENTS = ("localization", "false_positives", "false_negatives")


@dataclass(frozen=True, eq=False)
class LRPResult:
    """What a set of detections scores, by class (float64 [K]) and by threshold; the catalogue explains the scalars.

    What is undefined is NaN: a class without a box that counts, which averages leave out; thresholds where nothing is
    found; localisation, false positives and threshold of a class without true positive. `f1`, `lrp` and what belongs to
    them are of all classes together, under one threshold; there the false positives of classes without truth count.
    """

    olrp: float
    localization: float
    false_positives: float
    false_negatives: float
    f1: float
    f1_threshold: float
    band: tuple[float, float]  # the contiguous thresholds around that of F1 with F1 >= 0.99 of it
    mean_f1: float
    lrp: float
    lrp_threshold: float
    lrp_band: tuple[float, float]  # the contiguous thresholds around it with LRP within 1 % of the smallest
    class_names: tuple[str, ...]
    class_olrp: np.ndarray
    class_localization: np.ndarray
    class_false_positives: np.ndarray
    class_false_negatives: np.ndarray
    class_threshold: np.ndarray  # the lowest score at the class's optimum
    thresholds: np.ndarray  # float64 [T], of the curves, see `_thresholds`
    f1_curve: np.ndarray
    lrp_curve: np.ndarray
    class_f1_curve: np.ndarray  # averaged over classes
    class_lrp_curve: np.ndarray
    tau: float  # least IoU of a true positive

    @property
    def scalars(self) -> dict[str, float]:
        """The figures by name, those that are NaN left out."""
        values = {
            "olrp": self.olrp,
            **{f"olrp_{name}": getattr(self, name) for name in _COMPONENTS},
            **{name: getattr(self, name) for name in ("lrp", "lrp_threshold", "f1", "f1_threshold", "mean_f1")},
            **dict(zip(("band_low", "band_high"), self.band)),
            **dict(zip(("lrp_band_low", "lrp_band_high"), self.lrp_band)),
        }
        return {name: value for name, value in values.items() if not np.isnan(value)}

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class name: `olrp`, its three components and `threshold`, those that are NaN left out."""
        components = {f"olrp_{name}": getattr(self, f"class_{name}") for name in _COMPONENTS}
        columns = {"olrp": self.class_olrp, **components, "threshold": self.class_threshold}
        return by_class(self.class_names, columns)

    @property
    def curves(self) -> dict[str, list[float]]:
        """The thresholds and the four curves over them as plain lists."""
        names = ("thresholds", "f1_curve", "lrp_curve", "class_f1_curve", "class_lrp_curve")
        return {name: getattr(self, name).tolist() for name in names}


class LRP(Streaming):
    """Takes in pictures one by one, as `CocoAP`, and keeps a few numbers for each found box; tau in [0, 1)."""

    def __init__(self, class_names: Sequence[str], tau: float = 0.5, *, start: int = 0):
        if not 0 <= tau < 1:
            raise ValueError(f"tau must lie in [0, 1), got {tau}")
        self.matches = Matches(tuple(class_names), tau, start=start)

    def update(self, truth: Truth, found: Found) -> None:
        """Take in one picture; ValueError for scores outside of [0, 1], or a class without a name."""
        scores = found.scores
        if scores.size and not (scores.min() >= 0 and scores.max() <= 1):
            raise ValueError(f"scores must lie in [0, 1], got [{scores.min()}, {scores.max()}]")
        self.matches.update(truth, found)

    def _take_in(self, other: Self) -> None:
        self.matches.merge(other.matches)

    def end_at(self, position: int) -> None:
        """See `Streaming`."""
        self.matches.end_at(position)

    def result(self) -> LRPResult:
        """Give the `LRPResult` of all pictures so far; MetricfitError where no box counts."""
        tau, classes = self.matches.tau, self.matches.by_class()
        together = Sweep.over(classes, tau)
        if together.truths == 0:
            where = f"{self.matches.images} pictures"
            raise MetricfitError(f"LRP needs a box that counts, got none in {where}: check the boxes")
        sweeps = [Sweep.over([found], tau) for found in classes]
        counted = [sweep for sweep in sweeps if sweep.truths]
        optima = np.array([sweep.optimal_lrp() for sweep in sweeps]).T
        optimum: dict[str, Any] = dict(zip(("olrp", *_COMPONENTS, "threshold"), optima))
        means: dict[str, Any] = {name: mean_of_known(values) for name, values in optimum.items() if name != "threshold"}
        thresholds = _thresholds(together.scores, together.truths)
        f1, f1_threshold, band = together.best_f1()
        lrp, *_, lrp_threshold = together.optimal_lrp()
        return LRPResult(
            **means,
            **{f"class_{name}": values for name, values in optimum.items()},
            f1=f1,
            f1_threshold=f1_threshold,
            band=band,
            mean_f1=float(together.at(together.f1, THRESHOLDS).mean()),
            lrp=lrp,
            lrp_threshold=lrp_threshold,
            lrp_band=together.lrp_band(),
            class_names=self.matches.class_names,
            thresholds=thresholds,
            f1_curve=together.at(together.f1, thresholds),
            lrp_curve=together.at(together.lrp, thresholds),
            class_f1_curve=np.mean([sweep.at(sweep.f1, thresholds) for sweep in counted], axis=0),
            class_lrp_curve=np.mean([sweep.at(sweep.lrp, thresholds) for sweep in counted], axis=0),
            tau=tau,
        )


@dataclass(frozen=True, eq=False)
class Sweep:
    """What the n surest boxes score, for every n from 0 to N: arrays [N + 1], but for the falling `scores` [N]."""

    scores: np.ndarray
    truths: int  # how many true boxes count
    true_positives: np.ndarray
    error: np.ndarray  # sum of 1 - IoU over the true positives
    f1: np.ndarray
    lrp: np.ndarray
    cuts: np.ndarray  # int64 [D], the n at which a threshold can cut: boxes of one score stay together

    @classmethod
    def over(cls, classes: Sequence[ClassMatches], tau: float) -> "Sweep":
        """Sweep over the matches of some classes together."""
        scores = np.concatenate([found.scores for found in classes])
        order = np.argsort(-scores, kind="stable")
        scores = scores[order]
        positive = np.concatenate([found.positive for found in classes])[order]
        iou = np.concatenate([found.iou for found in classes])[order]
        truths = sum(found.truths for found in classes)
        true_positives = np.concatenate([[0], positive.cumsum()]).astype(np.int64)
        error = np.concatenate([[0.0], np.where(positive, 1 - iou, 0.0).cumsum()])
        found = np.arange(len(scores) + 1)
        # FP + FN + TP: everything found, and what was missed.
        everything = found + truths - true_positives
        wrong = everything - true_positives + error / (1 - tau)
        f1, lrp = 2 * true_positives / np.maximum(found + truths, 1), wrong / np.maximum(everything, 1)
        return cls(scores, truths, true_positives, error, f1, lrp, np.flatnonzero(np.diff(scores, append=-1.0)) + 1)

    def at(self, values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        """Read values [N + 1] at thresholds [T]: of the boxes with a score of at least that."""
        return values[np.searchsorted(-self.scores, -np.asarray(thresholds, np.float64), side="right")]

    def optimal_lrp(self) -> tuple[float, float, float, float, float]:
        """Give oLRP, localisation, false-positive and false-negative rate there, and the threshold.

        Without truth all are NaN. Without true positive oLRP and the rate of false negatives are 1, the rest NaN.
        """
        nan = float("nan")
        if not self.truths:
            return nan, nan, nan, nan, nan
        if not self.true_positives[-1]:
            return 1.0, nan, nan, 1.0, nan
        n = self.cuts[_last_smallest(self.lrp[self.cuts])]
        hits = self.true_positives[n]
        localization = float(self.error[n] / hits) if hits else nan
        false_positives, false_negatives = float(1 - hits / n), float(1 - hits / self.truths)
        return float(self.lrp[n]), localization, false_positives, false_negatives, float(self.scores[n - 1])

    def best_f1(self) -> tuple[float, float, tuple[float, float]]:
        """Give the largest F1, the lowest threshold that reaches it, and the band of thresholds around it."""
        if not self.true_positives[-1]:
            return 0.0, float("nan"), (float("nan"), float("nan"))
        f1 = self.f1[self.cuts]
        best = _last_smallest(-f1)
        return float(f1[best]), float(self.scores[self.cuts[best] - 1]), self._band(f1, best)

    def lrp_band(self) -> tuple[float, float]:
        """Give the band of thresholds around the smallest LRP; NaN without true positive."""
        if not self.truths or not self.true_positives[-1]:
            return float("nan"), float("nan")
        # Within 1 % of the smallest, where `band_around` asks for 99 % of the largest.
        errors = np.maximum(self.lrp[self.cuts], 1e-12)
        return self._band(1 / errors, _last_smallest(errors))

    def _band(self, values: np.ndarray, best: int) -> tuple[float, float]:
        """Give the lowest and highest threshold of a band, of values [D] at the cuts."""
        first, last = band_around(values, best)
        score = self.scores[self.cuts - 1]
        # The lowest number above the first score that must stay out.
        low = np.nextafter(np.float32(score[last + 1]), np.float32(2)) if last + 1 < len(values) else 0.0
        return float(low), float(score[first])


def _last_smallest(values: np.ndarray) -> int:
    """Of equal values the last is at the lowest threshold."""
    return int(len(values) - 1 - np.argmin(values[::-1]))


def _thresholds(scores: np.ndarray, truths: int) -> np.ndarray:
    """{0..255}/255, up to 256 quantiles of all the falling scores, and as many of the surest ones, four a true box."""
    crowds = [scores[: 4 * truths], scores] if scores.size else []
    quantiles = [np.quantile(crowd, np.linspace(0, 1, 256), method="nearest") for crowd in crowds]
    return np.unique(np.concatenate([THRESHOLDS.astype(np.float64), *quantiles]))
