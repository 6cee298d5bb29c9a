"""What all comparisons of exported files with the Keras model share: the limits, their error, and the clock."""

import math
import time

import numpy as np

from ...trainers.errors import MetricfitError

LARGEST_DIFFERENCE = {"saved_model": 1e-3, "none": 1e-3, "float16": 1e-2}
"""Largest difference of a score that a file with float arithmetic may show."""
MEAN_DIFFERENCE = 0.02
"""Mean difference of a score that a quantised file may show."""
METRIC_DIFFERENCE = 0.01
"""Difference of a main metric that a quantised file may show."""


def hold_to(name: str, variant: str, limits: dict[str, tuple[float, float]]) -> None:
    """Refuse a file that differs from the Keras model by more than it may.

    Args:
        name: the file, for the error.
        variant: `saved_model` or a quantisation of TFLite.
        limits: what was found and what is allowed at most, by what differs.

    Raises:
        MetricfitError: a difference is too large or no number.
    """
    for what, (value, limit) in limits.items():
        if not math.isfinite(value) or value > limit:
            raise MetricfitError(
                f"{name} does not agree with the Keras model: its {what} on the validation data must be at most "
                f"{limit:g}, got {value:.3g}; nothing was exported. {_advice(variant)}"
            )


def latency_ms(runner, image: np.ndarray, *, repeats: int = 30, seconds: float = 3.0) -> float:
    """Median time that a runner takes for one picture, in milliseconds.

    Args:
        runner: the model.
        image: uint8 [S, S, 3].
        repeats: how often to run at most, after three runs that do not count.
        seconds: how long to run at most.
    """
    times: list[float] = []
    for _ in range(3):
        runner(image[None])
    started = time.perf_counter()
    while len(times) < repeats and (not times or time.perf_counter() - started < seconds):
        before = time.perf_counter()
        runner(image[None])
        times.append(time.perf_counter() - before)
    return float(np.median(times) * 1e3)


def _advice(variant: str) -> str:
    if variant in LARGEST_DIFFERENCE:
        return "Please report this as a bug"
    return (
        "A model that is hardly trained yet does not survive 8 bits: train it longer, or export with "
        "--quantize none float16"
    )
