"""Maps of exported files against those of the Keras model, value by value."""

from typing import Any

import numpy as np

from ..formats.variant import Variant
from .agreement import MEAN_DIFFERENCE, METRIC_DIFFERENCE, Agreement, Limits


class MapAgreement(Agreement):
    """Compares maps of any number of channels.

    Float files must agree in every value; dynamic and int8 ones on average, and in the main metrics.

    Attributes:
        largest: largest difference of a value.
    """

    def __init__(self) -> None:
        self.largest, self._total, self._values = 0.0, 0.0, 0

    @property
    def mean(self) -> float:
        """Mean absolute difference of the values."""
        return self._total / max(1, self._values)

    def add(self, expected: np.ndarray, found: np.ndarray, candidates: Any = None) -> None:
        """Take in the maps of a batch."""
        difference = np.abs(found.astype(np.float64) - expected)
        self.largest = max(self.largest, float(difference.max()))
        self._total += float(difference.sum())
        self._values += difference.size

    def differences(self, variant: Variant) -> dict[str, float]:
        """Give the largest and the mean one."""
        return {"largest_difference": self.largest, "mean_difference": self.mean}

    def limits(self, variant: Variant, metrics: dict[str, float]) -> Limits:
        """Hold float files to the largest difference, others to the mean one and the metrics, better or worse."""
        if variant.largest_difference is not None:
            return {"largest difference": (self.largest, variant.largest_difference)}
        limits: Limits = {"mean difference": (self.mean, MEAN_DIFFERENCE)}
        return limits | {f"difference in {name}": (abs(value), METRIC_DIFFERENCE) for name, value in metrics.items()}
