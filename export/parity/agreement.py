"""How far a file's answers may be from the Keras model's, and the error where they are further."""

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ...trainers.errors import MetricfitError
from ..formats.variant import Variant

MEAN_DIFFERENCE = 0.02
"""Mean difference of a score that a quantised file may show."""
METRIC_DIFFERENCE = 0.01
"""Difference of a main metric that a quantised file may show."""

Limits = dict[str, tuple[float, float]]
"""What was found and what is allowed at most, by what differs."""


class Agreement(ABC):
    """How far a file's answers are from the Keras model's on the pictures so far."""

    @abstractmethod
    def add(self, expected: Any, found: Any, candidates: Any = None) -> None:
        """Take in a batch: what Keras and the file give, see `Runner.__call__`, and `ExportTask.candidates`."""

    @abstractmethod
    def differences(self, variant: Variant) -> dict[str, float]:
        """Give the differences for the card."""

    @abstractmethod
    def limits(self, variant: Variant, metrics: dict[str, float]) -> Limits:
        """Say what a file is held to; `metrics` are its main ones minus those of the Keras model."""


class MapAgreement(Agreement):
    """Compares maps: float files must agree in every value, others on average and in the main metrics."""

    def __init__(self) -> None:
        self.largest, self._total, self._values = 0.0, 0.0, 0

    def add(self, expected: np.ndarray, found: np.ndarray, candidates: Any = None) -> None:
        """Take in the maps of a batch."""
        difference = np.abs(found.astype(np.float64) - expected)
        self.largest = max(self.largest, float(difference.max()))
        self._total += float(difference.sum())
        self._values += difference.size

    def differences(self, variant: Variant) -> dict[str, float]:
        """Give the largest and the mean one."""
        return {"largest_difference": self.largest, "mean_difference": self._total / max(1, self._values)}

    def limits(self, variant: Variant, metrics: dict[str, float]) -> Limits:
        """Hold float files to the largest difference, others to the mean one and the metrics, better or worse."""
        if variant.largest_difference is not None:
            return {"largest difference": (self.largest, variant.largest_difference)}
        limits: Limits = {"mean difference": (self.differences(variant)["mean_difference"], MEAN_DIFFERENCE)}
        return limits | {f"difference in {name}": (abs(value), METRIC_DIFFERENCE) for name, value in metrics.items()}


def hold_to(name: str, variant: Variant, limits: Limits) -> None:
    """Refuse a file that differs from the Keras model by more than it may, or by no number."""
    for what, (value, limit) in limits.items():
        if not math.isfinite(value) or value > limit:
            advice = (
                "A model that is hardly trained yet does not survive 8 bits: train it longer, or export with "
                "--quantize none float16"
            )
            raise MetricfitError(
                f"{name} does not agree with the Keras model: its {what} on the validation data must be at most "
                f"{limit:g}, got {value:.3g}; nothing was exported. "
                + (advice if variant.largest_difference is None else "Please report this as a bug")
            )
