"""How far a file's answers may be from the Keras model's, and the error where they are further."""

import math
from abc import ABC, abstractmethod
from typing import Any

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
        """Take in a batch of pictures.

        Args:
            expected: what the Keras model gives, see `Runner.__call__`.
            found: what the file gives.
            candidates: what `ExportTask.candidates` gives.
        """

    @abstractmethod
    def differences(self, variant: Variant) -> dict[str, float]:
        """Give the differences for the card."""

    @abstractmethod
    def limits(self, variant: Variant, metrics: dict[str, float]) -> Limits:
        """Say what a file is held to; `metrics` are its main ones minus those of the Keras model."""


def hold_to(name: str, variant: Variant, limits: Limits) -> None:
    """Refuse a file that differs from the Keras model by more than it may.

    Raises:
        MetricfitError: a difference is too large or no number.
    """
    for what, (value, limit) in limits.items():
        if not math.isfinite(value) or value > limit:
            raise MetricfitError(
                f"{name} does not agree with the Keras model: its {what} on the validation data must be at most "
                f"{limit:g}, got {value:.3g}; nothing was exported. {_advice(variant)}"
            )


def _advice(variant: Variant) -> str:
    if variant.largest_difference is not None:
        return "Please report this as a bug"
    return (
        "A model that is hardly trained yet does not survive 8 bits: train it longer, or export with "
        "--quantize none float16"
    )
