"""The step sums as slow, obvious float64 NumPy: all pairs, a chunk of entries at a time."""

from typing import NamedTuple

import numpy as np


class Sums(NamedTuple):
    """What `StepSums` gives: [P], [P], [P] and [N]."""

    false_positives: np.ndarray
    over_positives: np.ndarray
    under_positives: np.ndarray
    to_negatives: np.ndarray


def step(x, delta):
    """Return H(x) = clip(x / 2δ + 1/2, 0, 1)."""
    x = x / (2 * delta)
    x += 0.5
    return np.clip(x, 0, 1, out=x)


def step_sums(scores, is_negative, positives, weights, delta, *, chunk=1024):
    """Sum over all pairs.

    Args:
        scores: [N], of which only the negatives are looked at.
        is_negative: bool [N].
        positives: [P], the scores of the positives.
        weights: [P].
        delta: half the width of the step.
        chunk: how many entries to compare with all positives at a time.
    """
    positives, weights = np.asarray(positives, np.float64), np.asarray(weights, np.float64)
    places = np.flatnonzero(is_negative)
    false_positives, to_negatives = np.zeros(len(positives)), np.zeros(len(scores))
    for start in range(0, len(places), chunk):
        some = places[start : start + chunk]
        steps = step(scores[some].astype(np.float64)[:, None] - positives, delta)
        false_positives += steps.sum(0)
        to_negatives[some] = steps @ weights
    over, under = np.zeros(len(positives)), np.zeros(len(positives))
    for start in range(0, len(positives), chunk):
        some = np.arange(start, min(start + chunk, len(positives)))
        others = weights * (np.arange(len(positives)) != some[:, None])
        difference = positives - positives[some][:, None]
        over[some] = (others * step(difference, delta)).sum(1)
        under[some] = (others * step(-difference, delta)).sum(1)
    return Sums(false_positives, over, under, to_negatives)
