"""The proximal operator: never worse than a gradient step, near the minimum, and by hand."""

import numpy as np
import pytest

from metricfit.losses import lovasz_prox

from ..reference.segmentation_losses import lovasz_extension


def objective(u, margins, foreground, regularization):
    """Eq. C.1."""
    value, _ = lovasz_extension(np.maximum(u, 0), foreground)
    return value + regularization / 2 * ((u - margins) ** 2).sum()


def problem(rng, most):
    """Margins, foreground and λ; every fourth time with equal margins."""
    count = rng.integers(1, most + 1)
    margins = rng.normal(0.7, 1, count)
    margins = np.round(margins) if rng.random() < 0.25 else margins
    return margins, rng.random(count) < 0.5, 10 ** rng.uniform(-1, 1.5)


def test_never_worse_than_a_gradient_step():
    # Proposition C.1, with λ = 1 / η
    rng = np.random.default_rng(0)
    for _ in range(400):
        margins, foreground, regularization = problem(rng, 8)
        found = objective(
            lovasz_prox(margins, foreground, regularization=regularization), margins, foreground, regularization
        )
        _, gradient = lovasz_extension(np.maximum(margins, 0), foreground)
        step = margins - np.where(margins > 0, gradient, 0) / regularization
        assert found <= objective(step, margins, foreground, regularization) + 1e-12
        assert found <= objective(margins, margins, foreground, regularization) + 1e-12


def smallest_nearby(margins, foreground, regularization):
    """The minimum of eq. C.1, which is convex, by ever smaller steps in all directions along and between the axes."""
    directions = np.array(np.meshgrid(*[[-1.0, 0.0, 1.0]] * len(margins))).reshape(len(margins), -1).T
    u, best, step = margins, objective(margins, margins, foreground, regularization), 0.5
    while step > 1e-4:
        tried = [objective(u + step * way, margins, foreground, regularization) for way in directions]
        if min(tried) < best - 1e-12:
            best, u = min(tried), u + step * directions[np.argmin(tried)]
        else:
            step /= 2
    return best


def test_near_the_minimum():
    rng = np.random.default_rng(1)
    gaps = []
    for _ in range(40):
        margins, foreground, regularization = problem(rng, 3)
        result = lovasz_prox(margins, foreground, regularization=regularization)
        least = smallest_nearby(margins, foreground, regularization)
        gaps.append(objective(result, margins, foreground, regularization) - least)
    assert max(gaps) < 2e-3
    assert np.median(gaps) < 1e-6


def test_by_hand():
    # one foreground pixel: the hinge; a step of 1 / λ, stopped by the corner at 0
    np.testing.assert_allclose(lovasz_prox([2.0], [True], regularization=2.0), [1.5])
    np.testing.assert_allclose(lovasz_prox([0.3], [True], regularization=2.0), [0])
    np.testing.assert_allclose(lovasz_prox([-1.0], [True], regularization=2.0), [-1])
    # two foreground pixels, slopes 1/2 each; the lower one stops at 0
    np.testing.assert_allclose(lovasz_prox([0.2, 1.0], [True, True], regularization=1.0), [0, 0.5])
    # no foreground: the largest error alone, until it meets the next; then half as steep
    np.testing.assert_allclose(lovasz_prox([2.0, 1.0], [False, False], regularization=0.5), [0.5, 0.5])


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"vectors alike, got \(2,\) and \(1,\)"):
        lovasz_prox([1.0, 2.0], [True], regularization=1.0)
    with pytest.raises(ValueError, match="regularization must be a number above 0, got 0"):
        lovasz_prox([1.0], [True], regularization=0)
