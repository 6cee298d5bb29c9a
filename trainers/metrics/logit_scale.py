"""The control for a loss that polarises: how much of its MeanF does a plain scaling of the logits reach?"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from .f_measure import FMeasureCurve

FACTORS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 20, 30)


def best_logit_scale(
    pairs: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]],
    factors: Sequence[float] = FACTORS,
    *,
    beta2: float = 0.3,
) -> tuple[float, dict[float, float]]:
    """Choose the factor on the logits that is best for MeanF, the first of equals, and give the MeanF of every one.

    `pairs` gives, when called, an iterable of (logits float [H, W], mask [H, W] with 0, 1, 255); it is read once.
    """
    if not factors or not all(factor > 0 for factor in factors):
        raise ValueError(f"factors must be positive numbers, got {factors}")
    scored = {float(factor): FMeasureCurve(beta2) for factor in factors}
    for logits, mask in pairs():
        for factor, curve in scored.items():
            curve.update(sigmoid(np.float32(factor) * logits), mask)
    mean_f = {factor: curve.result().mean_f for factor, curve in scored.items()}
    return max(mean_f, key=mean_f.__getitem__), mean_f


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Give 1 / (1 + exp(-x)) in float32, without overflow at any logit."""
    logits = np.asarray(logits, np.float32)
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)
