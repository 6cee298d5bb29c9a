"""How far a file's answers may be from the Keras model's, and the verdict, by what the pictures can tell."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...trainers.metrics.resampling import Drawn, bounds, weighted_sums
from ..formats.variant import Variant

MEAN_DIFFERENCE = 0.02
"""Mean difference of a score that a quantised file may show."""
METRIC_DIFFERENCE = 0.01
"""Difference of a main metric that a quantised file may show."""


@dataclass(frozen=True)
class Limit:
    """What was found of something in which a file may differ, and what is allowed at most."""

    found: float
    allowed: float
    resampled: np.ndarray | None = None  # by draw of the pictures; None where every picture must keep to it
    pictures: int = 0  # that were resampled

    @property
    def bounds(self) -> tuple[float, float]:
        """What it is not below and not above, each with 95 %."""
        return bounds(self.resampled, self.pictures) if self.resampled is not None else (self.found, self.found)


Limits = dict[str, Limit]
"""By what differs."""


@dataclass(frozen=True)
class Resampled:
    """Draws of the pictures, and by metric what a file differs in on each."""

    drawn: Drawn
    metrics: dict[str, np.ndarray]  # [R] by name

    def sums(self, rows: np.ndarray) -> np.ndarray:
        """Add up what each picture gives, [n, ...], in each draw: float64 [R, ...]."""
        return np.concatenate([weighted_sums(counts, rows) for counts in self.drawn])


class Agreement(ABC):
    """How far a file's answers are from the Keras model's on the pictures so far."""

    signature: str = ""  # a further one of the file, whose outputs it is told of

    @abstractmethod
    def add(self, expected: Any, found: Any, candidates: Any = None, inner: Any = None) -> None:
        """Take in a batch: what Keras and the file give, see `Runner.__call__`, and `ExportTask.candidates`.

        With a `signature`, `inner` are its outputs by name.
        """

    @abstractmethod
    def differences(self, variant: Variant) -> dict[str, float]:
        """Give the differences for the card."""

    @abstractmethod
    def limits(self, variant: Variant, metrics: dict[str, float], resampled: Resampled) -> Limits:
        """Say what a file is held to; `metrics` are its main ones minus those of the Keras model."""


class MapAgreement(Agreement):
    """Compares maps: float files must agree in every value, others on average and in the main metrics."""

    def __init__(self) -> None:
        self.largest, self._means = 0.0, list[float]()

    def add(self, expected: Any, found: Any, candidates: Any = None, inner: Any = None) -> None:
        """Take in the maps of a batch."""
        difference = np.abs(found.astype(np.float64) - expected)
        self.largest = max(self.largest, float(difference.max()))
        self._means += difference.reshape(len(difference), -1).mean(axis=1).tolist()

    def differences(self, variant: Variant) -> dict[str, float]:
        """Give the largest and the mean one."""
        return {"largest_difference": self.largest, "mean_difference": float(np.mean(self._means or [0.0]))}

    def limits(self, variant: Variant, metrics: dict[str, float], resampled: Resampled) -> Limits:
        """Hold float files to the largest difference, others to the mean one and the metrics, better or worse."""
        if variant.largest_difference is not None:
            return {"largest difference": Limit(self.largest, variant.largest_difference)}
        pictures = len(self._means)
        means = resampled.sums(np.array(self._means)) / pictures
        mean = self.differences(variant)["mean_difference"]
        return {"mean difference": Limit(mean, MEAN_DIFFERENCE, means, pictures)} | {
            f"difference in {name}": Limit(abs(value), METRIC_DIFFERENCE, np.abs(resampled.metrics[name]), pictures)
            for name, value in metrics.items()
        }


@dataclass(frozen=True)
class Verdict:
    """Whether a file agrees with the Keras model, as far as the pictures can tell."""

    refusal: str = ""  # why it does not, in a sentence
    warnings: list[str] = field(default_factory=list)  # what the pictures cannot tell
    intervals: dict[str, list[float]] = field(default_factory=dict)  # by what differs: not below, not above
    differences: dict[str, float] = field(default_factory=dict)  # from the Keras model's values, for the card


def judged(name: str, variant: Variant, limits: Limits) -> Verdict:
    """Hold a file to its limits: what 95 % of the draws exceed is refused, and a number that is none."""
    warnings, intervals = [], {}
    for what, limit in limits.items():
        low, high = limit.bounds
        if not math.isfinite(limit.found) or low > limit.allowed:
            return Verdict(f"{name} {_refusal(what, limit, variant)}")
        if math.isfinite(low):
            intervals[what] = [low, high]
        if high > limit.allowed:
            spread = f"{low:.2g} to {high:.2g} with 95 % to either side" if math.isfinite(low) else "by one picture"
            warnings.append(
                f"{limit.pictures} pictures cannot tell whether the {what} keeps to {limit.allowed:g}: it is "
                f"{limit.found:.2g}, {spread}; give more with --val"
            )
    exact = variant.largest_difference is not None
    return Verdict(warnings=warnings, intervals={} if exact else intervals)


def _refusal(what: str, limit: Limit, variant: Variant) -> str:
    said = f"does not agree with the Keras model: its {what} on the validation data must be at most {limit.allowed:g}"
    if variant.largest_difference is not None:
        return f"{said}, got {limit.found:.3g}. Please report this as a bug"
    low, _ = limit.bounds
    sure = f" (by {limit.pictures} pictures at least {low:.3g} with 95 %)" if math.isfinite(low) else ""
    return (
        f"{said}, got {limit.found:.3g}{sure}: train longer, calibrate with --data on pictures like those, or export "
        "with --quantize none float16"
    )
