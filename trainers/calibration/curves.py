"""Curves from a network's log-odds to calibrated ones: strictly rising, one for each class. NumPy alone."""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any, Self, TypedDict

import numpy as np

KNOTS = 32
"""Most corners of a curve."""
LEAST_SLOPE = 0.01
"""Every curve rises by at least so much for each unit of log-odds: float32 then still tells scores apart."""
LEAST_WIDTH = 1e-3
"""Corners are at least so far apart, in log-odds."""
SMALLEST, ROOM = 1.2e-38, 3e-8
"""Scores nearer to 0 and to 1 than these are none that float32 can tell."""


class CurveEntry(TypedDict):
    """A curve as JSON: `gives[i]` where the network's log-odds are `at[i]`, straight between, `slopes` beyond."""

    at: list[float]
    gives: list[float]
    slopes: list[float]


@dataclass(frozen=True)
class Curve:
    """A piecewise linear function that rises everywhere; ValueError for one that does not.

    Attributes:
        at: log-odds of the network at 1 to `KNOTS` corners, rising.
        gives: calibrated log-odds there, rising by `LEAST_SLOPE` or more.
        slopes: below the first corner and above the last one.
    """

    at: tuple[float, ...]
    gives: tuple[float, ...]
    slopes: tuple[float, float]

    def __post_init__(self) -> None:
        numbers = (*self.at, *self.gives, *self.slopes)
        if not all(map(math.isfinite, numbers)):
            raise ValueError("a calibration curve must be of finite numbers")
        if not 1 <= len(self.at) == len(self.gives) <= KNOTS:
            raise ValueError(
                f"a calibration curve needs 1 to {KNOTS} corners, got {len(self.at)} and {len(self.gives)}"
            )
        rises = [*zip(np.diff(self.at), np.diff(self.gives)), *((1.0, slope) for slope in self.slopes)]
        # Rounding may have made a step a little less steep than it was.
        if len(self.slopes) != 2 or not all(run > 0 and rise > 0.5 * LEAST_SLOPE * run for run, rise in rises):
            raise ValueError("a calibration curve must rise everywhere")

    @classmethod
    def through(cls, at: np.ndarray, gives: np.ndarray, slopes: tuple[float, float]) -> Self:
        """Make a curve of any number of corners that rise or stay: with the least slope, and `KNOTS` at most."""
        lifted = np.asarray(gives, np.float64).copy()
        for place in range(1, len(lifted)):
            lifted[place] = max(lifted[place], lifted[place - 1] + LEAST_SLOPE * (at[place] - at[place - 1]))
        kept = thinned(np.asarray(at, np.float64), lifted)
        low, high = (max(float(slope), LEAST_SLOPE) for slope in slopes)
        return cls(tuple(map(float, at[kept])), tuple(map(float, lifted[kept])), (low, high))

    @classmethod
    def from_entry(cls, entry: CurveEntry) -> Self:
        """Read what `to_entry` gave; ValueError for what is no curve."""
        low, high = entry["slopes"]
        return cls(tuple(map(float, entry["at"])), tuple(map(float, entry["gives"])), (float(low), float(high)))

    def to_entry(self) -> CurveEntry:
        """Give the curve as JSON-able data."""
        return {"at": list(self.at), "gives": list(self.gives), "slopes": list(self.slopes)}

    def __call__(self, log_odds: np.ndarray) -> np.ndarray:
        """Calibrate the network's log-odds, of any shape."""
        return _through(self.at, self.gives, self.slopes, log_odds)

    def undo(self, log_odds: np.ndarray) -> np.ndarray:
        """Give the network's log-odds behind calibrated ones."""
        low, high = self.slopes
        return _through(self.gives, self.at, (1 / low, 1 / high), log_odds)

    def mixed(self, other: "Curve", share: float) -> "Curve":
        """Give `share` of this curve and the rest of another one, log-odds averaged."""
        if share in (0, 1):
            return self if share else other
        at = np.union1d(self.at, other.at)
        # Corners that nearly coincide are one.
        at = at[np.concatenate([[True], np.diff(at) >= LEAST_WIDTH])]
        slopes = tuple(share * mine + (1 - share) * theirs for mine, theirs in zip(self.slopes, other.slopes))
        return Curve.through(at, share * self(at) + (1 - share) * other(at), (slopes[0], slopes[1]))


IDENTITY = Curve((0.0,), (0.0,), (1.0, 1.0))
"""The curve that changes nothing."""


@dataclass(frozen=True)
class Calibration:
    """A curve for each class of a model, in its order, and where they come from.

    Attributes:
        method: what fitted them.
        target: what calibrated scores tell: `precision` or `iou`.
        curves: one a class.
        finds: by class, how many finds tell of it, and so how much of its curve is its own.
    """

    method: str
    target: str
    curves: tuple[Curve, ...]
    finds: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.finds) != len(self.curves):
            raise ValueError(f"{len(self.curves)} calibration curves need as many numbers of finds")

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read what `to_dict` gave; ValueError, KeyError or TypeError for what is none."""
        curves = tuple(map(Curve.from_entry, values["curves"]))
        return cls(str(values["method"]), str(values["target"]), curves, tuple(map(int, values["finds"])))

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON-able data."""
        curves = [curve.to_entry() for curve in self.curves]
        return {"method": self.method, "target": self.target, "curves": curves, "finds": list(self.finds)}

    def of_classes(self, places: np.ndarray) -> Self:
        """Give the curves in another order: integers [C], -1 for a class of which none is known."""
        curves = tuple(self.curves[place] if place >= 0 else IDENTITY for place in places)
        return replace(self, curves=curves, finds=tuple(self.finds[place] if place >= 0 else 0 for place in places))

    def scores(self, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Calibrate scores in [0, 1] of such classes, float64 of the same shape; -1 is of no class, and stays."""
        return self._by_class(scores, classes, undo=False)

    def undone(self, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Give the network's own scores behind calibrated ones, as exactly as float32 had these.

        Log-odds are rounded to five places, so that scores that were equal in several classes are so again.
        """
        return self._by_class(scores, classes, undo=True)

    def _by_class(self, scores: np.ndarray, classes: np.ndarray, *, undo: bool) -> np.ndarray:
        found = np.array(scores, np.float64)
        for index, curve in enumerate(self.curves):
            if (own := classes == index).any():
                given = log_odds(found[own])
                found[own] = probability(np.round(curve.undo(given), 5) if undo else curve(given))
        return found


def log_odds(scores: np.ndarray) -> np.ndarray:
    """Give the log-odds of scores in [0, 1], finite: about -87 for 0 and 17 for 1."""
    scores = np.asarray(scores, np.float64)
    return np.log(np.maximum(scores, SMALLEST)) - np.log(np.maximum(1 - scores, ROOM))


SURE = (float(log_odds(np.zeros(()))), float(log_odds(np.ones(()))))
"""What `log_odds` gives at least and at most: beyond it float32 scores are all the same, and so are calibrated ones."""


def probability(log_odds: np.ndarray) -> np.ndarray:
    """Undo `log_odds`."""
    log_odds = np.asarray(log_odds, np.float64)
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1 / (1 + small), small / (1 + small))


def thinned(at: np.ndarray, gives: np.ndarray, most: int = KNOTS) -> np.ndarray:
    """Choose the corners to keep, integers: one by one goes what changes the curve least, as probabilities."""
    kept = np.arange(len(at))
    values = probability(gives)
    while len(kept) > most:
        left, here, right = kept[:-2], kept[1:-1], kept[2:]
        share = (at[here] - at[left]) / (at[right] - at[left])
        between = probability(gives[left] + share * (gives[right] - gives[left]))
        kept = np.delete(kept, 1 + int(np.argmin(np.abs(between - values[here]))))
    return kept


def _through(at: tuple[float, ...], gives: tuple[float, ...], slopes: tuple[float, float], x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    below, above = np.minimum(x - at[0], 0.0), np.maximum(x - at[-1], 0.0)
    inside: np.ndarray = np.interp(x, at, gives)
    return inside + slopes[0] * below + slopes[1] * above


def steps(curve: Curve) -> list[tuple[float, float, float, float]]:
    """Give a curve as a sum of `slope * clip(x - start, low, high)`: (start, low, high, slope) of each part."""
    endless = 1e9  # stands for infinity, by which nothing can be multiplied
    parts = [(0.0, 1.0, 1.0, curve.gives[0]), (curve.at[0], -endless, 0.0, curve.slopes[0])]
    corners = itertools.pairwise(zip(curve.at, curve.gives))
    parts += [(x, 0.0, next_x - x, (next_y - y) / (next_x - x)) for (x, y), (next_x, next_y) in corners]
    return [*parts, (curve.at[-1], 0.0, endless, curve.slopes[1])]
