"""Straight lines in log-odds: temperature (Guo et al., ICML 2017) and Platt scaling (Platt, 1999)."""

import numpy as np

from .curves import LEAST_SLOPE, LEAST_WIDTH, Curve, log_odds, probability

_MOST_STEPS = 100


def platt_curve(at: np.ndarray, outcomes: np.ndarray) -> Curve:
    """Fit the likeliest slope and offset to outcomes in [0, 1] at such log-odds, [n] each, n >= 1."""
    x, y, weights = _with_doubt(at, outcomes)
    centre, scale = float(np.average(x, weights=weights)), float(x.std())
    # Scores that hardly differ would ask for a slope that float32 cannot follow.
    if scale > LEAST_WIDTH:
        slope, offset = _likeliest(np.stack([(x - centre) / scale, np.ones_like(x)]), y, weights)
        if slope / scale > LEAST_SLOPE:
            return _line(slope / scale, centre, offset)
    # Scores that tell nothing, or the opposite: what is right on average.
    return _line(LEAST_SLOPE, centre, float(log_odds(np.average(y, weights=weights))))


def temperature_curve(at: np.ndarray, outcomes: np.ndarray) -> Curve:
    """Fit the likeliest slope alone: 1 / temperature, of the log-odds, so that a score of 0.5 stays."""
    x, y, weights = _with_doubt(at, outcomes)
    scale = float(np.sqrt(np.mean(x**2)))
    (slope,) = _likeliest(x[None] / scale, y, weights) / scale if scale > LEAST_WIDTH else (1.0,)
    return _line(max(float(slope), LEAST_SLOPE), 0.0, 0.0)


def _line(slope: float, at: float, gives: float) -> Curve:
    return Curve((float(at),), (float(gives),), (float(slope), float(slope)))


def _with_doubt(at: np.ndarray, outcomes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add half a right find at the lowest place and half a false one at the highest, as the isotonic curve has them."""
    x = np.concatenate([[at.min()], at, [at.max()]]).astype(np.float64)
    y = np.concatenate([[1.0], outcomes, [0.0]]).astype(np.float64)
    return x, y, np.concatenate([[0.5], np.ones(len(at)), [0.5]])


def _likeliest(columns: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Find the factors [k] of columns [k, n] with the smallest negative log-likelihood, by Newton's steps."""
    factors = np.zeros(len(columns))

    def loss(factors: np.ndarray) -> float:
        z = factors @ columns
        return float(np.sum(weights * (np.logaddexp(0, z) - y * z)))

    now = loss(factors)
    for _ in range(_MOST_STEPS):
        chance = probability(factors @ columns)
        gradient = columns @ (weights * (chance - y))
        curvature = (columns * (weights * chance * (1 - chance))) @ columns.T
        step = np.linalg.solve(curvature + 1e-12 * np.eye(len(columns)), gradient)
        length = 1.0
        while (then := loss(factors - length * step)) > now and length > 1e-10:
            length /= 2
        if not then < now - 1e-12 * abs(now):
            break
        factors, now = factors - length * step, then
    return factors
