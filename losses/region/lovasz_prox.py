"""The proximal operator of the Lovász hinge, by a greedy path (Berman et al., CVPR 2018, appendix C). Plain NumPy."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def lovasz_prox(margins: ArrayLike, foreground: ArrayLike, *, regularization: float) -> NDArray[np.float64]:
    """Compute, approximately, argmin_u Δ̄(max(u, 0)) + λ/2 |u − m|² of the margins m = 1 − F y (Algorithm C.1).

    From m on, the path follows the steepest descent of Δ̄: margins that have become equal move on together, and those
    that have come down to 0 stay. It ends where the objective would grow again. Unlike in Algorithm C.1, equal margins
    part again, foreground from background, where that is steeper. The margins meet up to
    p²/20 times: take small problems.

    Args:
        margins: float [p]; 0 or less is no error.
        foreground: bool [p], the pixels of the class.
        regularization: λ, above 0. A gradient step of rate η corresponds to λ = 1/η.

    Returns:
        The new margins, float64 [p].

    Raises:
        ValueError: the shapes differ, or `regularization` is not above 0.
    """
    margins, foreground = np.asarray(margins, np.float64), np.asarray(foreground, bool)
    if margins.ndim != 1 or margins.shape != foreground.shape:
        raise ValueError(f"margins and foreground must be vectors alike, got {margins.shape} and {foreground.shape}")
    if not 0 < regularization < np.inf:
        raise ValueError(f"regularization must be a number above 0, got {regularization!r}")
    kinds = [np.flatnonzero(foreground), np.flatnonzero(~foreground)]
    kinds = [pixels[np.argsort(-margins[pixels], kind="stable")] for pixels in kinds]
    starts = [margins[pixels][margins[pixels] > 0] for pixels in kinds]
    # what moves: groups of equal margins above 0, in falling order, with their pixels of either kind
    values = np.unique(np.concatenate(starts))[::-1]
    counts = np.stack([(start == values[:, np.newaxis]).sum(axis=1) for start in starts], axis=1)
    while len(values):
        values, counts, slopes = _parted(values, counts, foreground.sum())
        # of each group's pixels together, so far
        begun = (
            np.add.reduceat(np.append(start[: count.sum()], 0.0), np.cumsum(count) - count) * (count > 0)
            for start, count in zip(starts, counts.T)
        )
        way = sum(begun) - values * counts.sum(axis=1)
        # line 11: where the objective stops falling along the path
        stop = 1 / regularization - way @ slopes / (counts.sum(axis=1) @ slopes**2)
        closing, distance = slopes - np.append(slopes[1:], 0.0), values - np.append(values[1:], 0.0)
        meet = np.divide(distance, closing, out=np.full_like(distance, np.inf), where=(closing > 0) & (distance > 0))
        step, at = meet.min(), meet.argmin()
        values = values - max(min(stop, step), 0.0) * slopes
        if stop <= step:
            break
        if at == len(values) - 1:
            values, counts = values[:-1], counts[:-1]
        else:
            counts[at] += counts[at + 1]
            values, counts = np.delete(values, at + 1), np.delete(counts, at + 1, axis=0)
    result: NDArray[np.float64] = np.minimum(margins, 0)
    for pixels, count in zip(kinds, counts.T):
        result[pixels[: count.sum()]] = np.repeat(values, count)
    return result


def _parted(values: Array, counts: Array, m: int) -> tuple[Array, Array, Array]:
    """Part each group into foreground and background where the one falls less steeply than both together.

    Of falling values [G], foreground and background pixels [G, 2] and the number of all foreground pixels: the values,
    counts and slopes (what the Jaccard loss grows by for each pixel, eq. 9) of the groups after that.
    """
    before = np.cumsum(counts, axis=0) - counts
    at_start = _jaccard(before, m)
    growth = _jaccard(before + counts, m) - at_start
    slope = growth / counts.sum(axis=1)
    first, growth_of_first = counts, growth
    for kind in ([1, 0], [0, 1]):
        alone = _jaccard(before + counts * kind, m) - at_start
        one, other = counts @ kind, counts @ (1 - np.array(kind))
        parts = (one > 0) & (other > 0) & (alone < (slope - 1e-12) * one)
        first = np.where(parts[:, np.newaxis], counts * kind, first)
        growth_of_first = np.where(parts, alone, growth_of_first)
    rest = counts - first
    both = np.stack([first, rest], axis=1).reshape(-1, 2)
    growths = np.stack([growth_of_first, growth - growth_of_first], axis=1).ravel()
    there = both.sum(axis=1) > 0
    return np.repeat(values, 2)[there], both[there], growths[there] / both[there].sum(axis=1)


def _jaccard(mispredicted: Array, m: int) -> Array:
    """Return the Jaccard loss (eq. 6) after [G, 2] mispredicted pixels of the foreground and of the background."""
    positives, negatives = mispredicted.T
    loss: Array = (positives + negatives) / np.maximum(m + negatives, 1)
    return loss
