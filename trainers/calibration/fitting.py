"""Fitting a detector's curves: one for each class, drawn towards that of all classes where a class has few finds."""

from collections.abc import Callable
from typing import get_args

import numpy as np

from .curves import IDENTITY, Calibration, Curve, log_odds, probability
from .finds import Finds
from .isotonic import isotonic_curve
from .logistic import platt_curve, temperature_curve
from .names import TARGETS, MethodName

FITS: dict[str, Callable[[np.ndarray, np.ndarray], Curve]] = {
    "isotonic": isotonic_curve,
    "platt": platt_curve,
    "temperature": temperature_curve,
}
"""What fits a curve to outcomes [n] at log-odds [n], by method."""
HALF_OWN = 20.0
"""With so many finds that matter a class' curve is half its own, half that of all classes."""
MATTERS = 0.1
"""A find matters from this score on, by the curve of all classes: the junk below says nothing of a class."""


def fit(finds: Finds, method: str = "isotonic", target: str = "precision") -> Calibration:
    """Fit the curves of K classes to finds.

    The curve of class c is n / (n + 20) its own and the rest that of all classes, log-odds averaged, where n of its
    finds matter (see `MATTERS`). A class without a true box that counts takes that of all classes: its false finds
    count there. Without a find all curves change nothing.

    Raises:
        ValueError: another method or target, or scores or outcomes that are not in [0, 1].
    """
    if method not in FITS or target not in TARGETS:
        raise ValueError(f"calibrate by {', '.join(FITS)} to {' or '.join(TARGETS)}, got {method} to {target}")
    outcomes = finds.outcome(target)
    for values in (finds.scores, outcomes):
        if not (np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all()):
            raise ValueError("scores and outcomes must lie in [0, 1]")
    classes = len(finds.truths)
    if not len(outcomes):
        return Calibration(method, target, (IDENTITY,) * classes, (0,) * classes)
    at = log_odds(finds.scores)
    common = FITS[method](at, outcomes)
    matters = probability(common(at)) >= MATTERS
    curves, counts = [], []
    for index in range(classes):
        own = finds.classes == index
        counts.append(int(np.count_nonzero(own & matters)) if finds.truths[index] else 0)
        curve = common
        if counts[-1]:
            curve = FITS[method](at[own], outcomes[own]).mixed(common, share_of(counts[-1]))
        curves.append(curve)
    return Calibration(method, target, tuple(curves), tuple(counts))


def share_of(finds: int) -> float:
    """Give how much of a class' curve is its own, by its finds that matter."""
    return finds / (finds + HALF_OWN)


assert set(get_args(MethodName)) == {*FITS, "none"}
