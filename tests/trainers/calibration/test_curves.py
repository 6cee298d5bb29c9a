"""Curves: they rise everywhere, are undone, averaged and thinned, and refuse what is none."""

import math

import numpy as np
import pytest

from metricfit.trainers.calibration.curves import (
    IDENTITY,
    KNOTS,
    LEAST_SLOPE,
    Calibration,
    Curve,
    log_odds,
    probability,
    steps,
    thinned,
)

STEEP = Curve((-3.0, -2.5, -2.0), (-6.0, 0.0, 3.0), (0.01, 0.5))


def random_curve(rng, corners):
    at = np.cumsum(rng.uniform(0.01, 2, corners)) - 10
    return Curve.through(at, np.cumsum(rng.exponential(1, corners) * rng.integers(0, 2, corners)) - 3, (0.01, 0.01))


def test_a_curve_goes_through_its_corners_straight_between_and_on_beyond():
    assert STEEP(np.array([-3, -2.5, -2])).tolist() == [-6, 0, 3]
    assert STEEP(np.array([-2.75, -2.25, -13, 0])).tolist() == pytest.approx([-3, 1.5, -6.1, 4])


@pytest.mark.parametrize("corners", [1, 2, 7, 200])
def test_all_log_odds_keep_their_order_and_are_found_again(corners):
    rng = np.random.default_rng(corners)
    for _ in range(20):
        curve = random_curve(rng, corners)
        assert len(curve.at) <= KNOTS
        at = np.unique(np.concatenate([rng.uniform(-30, 30, 500), curve.at]))
        gives = curve(at)
        assert (np.diff(gives) >= 0.99 * LEAST_SLOPE * np.diff(at)).all()
        np.testing.assert_allclose(curve.undo(gives), at, atol=1e-9)


def test_a_curve_is_the_sum_of_its_parts():
    rng = np.random.default_rng(5)
    at = rng.uniform(-40, 40, 300)
    for curve in (STEEP, IDENTITY, random_curve(rng, 40)):
        whole = sum(slope * np.clip(at - start, low, high) for start, low, high, slope in steps(curve))
        np.testing.assert_allclose(whole, curve(at), atol=1e-9)


def test_a_mean_of_two_curves_is_that_of_their_log_odds_everywhere():
    other = Curve((-2.75, 1.0), (-1.0, 2.0), (0.3, 0.02))
    at = np.linspace(-9, 9, 200)
    for share in (0, 0.25, 0.8, 1):
        wanted = share * STEEP(at) + (1 - share) * other(at)
        np.testing.assert_allclose(STEEP.mixed(other, share)(at), wanted, atol=1e-12)


def test_thinning_keeps_the_corners_that_matter():
    at = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    gives = np.array([0.0, 0.001, 2.0, 2.001, 4.0])
    assert thinned(at, gives, 5).tolist() == [0, 1, 2, 3, 4]
    # Left out, corner 3 changes a probability by .07, corner 1 by .23, corner 2 by .15.
    assert thinned(at, gives, 4).tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize("score", [0.0, 1e-30, 0.001, 0.5, 1 - 1e-7, 1.0])
def test_scores_and_log_odds_are_each_other_s(score):
    assert math.isfinite(log_odds(np.float32(score)))
    assert probability(log_odds(np.float32(score))) == pytest.approx(np.float32(score), rel=1e-6, abs=4e-8)


def test_scores_are_calibrated_by_class_and_what_is_no_detection_stays():
    calibration = Calibration("isotonic", "precision", (STEEP, IDENTITY), (30, 0))
    scores, classes = np.array([[0.08, 0.08, 0.0]]), np.array([[0, 1, -1]])
    found = calibration.scores(scores, classes)
    assert found[0].tolist() == pytest.approx([1 / (1 + math.exp(-STEEP(np.log(0.08 / 0.92)))), 0.08, 0])
    np.testing.assert_allclose(calibration.undone(found, classes), scores, atol=1e-6)
    again = calibration.undone(found.astype(np.float32), classes)
    assert again[0, 0] == again[0, 1], "equal scores are equal again"
    assert Calibration.from_dict(calibration.to_dict()) == calibration


@pytest.mark.parametrize(
    ("at", "gives", "slopes"),
    [
        ((0.0, math.nan), (0.0, 1.0), (1, 1)),
        ((0.0, 1.0), (0.0, math.inf), (1, 1)),
        ((0.0, 1.0), (1.0, 1.0), (1, 1)),
        ((0.0, 0.0), (0.0, 1.0), (1, 1)),
        ((0.0,), (0.0,), (1, 0)),
        ((0.0,), (0.0, 1.0), (1, 1)),
        ((), (), (1, 1)),
        (tuple(range(33)), tuple(range(33)), (1, 1)),
    ],
)
def test_what_does_not_rise_is_no_curve(at, gives, slopes):
    with pytest.raises(ValueError, match="a calibration curve"):
        Curve(at, gives, slopes)
