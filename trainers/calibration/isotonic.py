"""Centred isotonic regression: the rising curve nearest to what came of scores, without steps.

Neighbours that do not rise are pooled (Barlow et al., 1972), and the line goes through the centre of each pool (Oron &
Flournoy, Statistics in Biopharmaceutical Research 2017), so that it rises between them, too.
"""

import numpy as np

from .curves import LEAST_SLOPE, LEAST_WIDTH, Curve, log_odds


def isotonic_curve(at: np.ndarray, outcomes: np.ndarray) -> Curve:
    """Fit a curve to outcomes in [0, 1] of finds at such log-odds, [n] each, n >= 1.

    Half a right find below all others and half a false one above them keep every pool away from 0 and 1, as nothing
    seen so many times is sure. Beyond the outermost pools the curve hardly rises: nothing is known there.
    """
    places, group = np.unique(at, return_inverse=True)
    weights = np.bincount(group).astype(np.float64)
    sums = np.bincount(group, weights=outcomes)
    weights[0] += 0.5
    sums[0] += 0.5
    weights[-1] += 0.5
    starts = pools(sums / weights, weights)
    weight, total, place = (np.add.reduceat(values, starts) for values in (weights, sums, weights * places))
    centres, values = _apart(place / weight, total / weight, weight)
    return Curve.through(centres, log_odds(values), (LEAST_SLOPE, LEAST_SLOPE))


def pools(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Give where the pools start whose means are the non-decreasing values nearest to these, by weighted squares."""
    starts, means, sizes = list[int](), list[float](), list[float]()
    for place, (mean, size) in enumerate(zip(values.tolist(), weights.tolist())):
        start = place
        while means and means[-1] >= mean:
            before, other, start = sizes.pop(), means.pop(), starts.pop()
            mean, size = (mean * size + other * before) / (size + before), size + before
        starts.append(start)
        means.append(mean)
        sizes.append(size)
    return np.array(starts)


def _apart(centres: np.ndarray, values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pool what is nearer to its neighbour than a curve's corners may be."""
    kept: list[list[float]] = []
    for centre, value, weight in zip(centres.tolist(), values.tolist(), weights.tolist()):
        if kept and centre - kept[-1][0] < LEAST_WIDTH:
            other, its, size = kept[-1]
            both = size + weight
            kept[-1] = [(other * size + centre * weight) / both, (its * size + value * weight) / both, both]
        else:
            kept.append([centre, value, weight])
    apart, means, _ = np.array(kept).T
    return apart, means
