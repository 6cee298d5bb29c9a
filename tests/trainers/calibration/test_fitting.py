"""Fitting: against slow references and cases by hand; the order within a class, and with it AP, stays."""

import numpy as np
import pytest

from metricfit.trainers.calibration.curves import log_odds, probability
from metricfit.trainers.calibration.finds import Finds
from metricfit.trainers.calibration.fitting import FITS, fit, share_of
from metricfit.trainers.calibration.isotonic import isotonic_curve, pools
from metricfit.trainers.calibration.logistic import platt_curve, temperature_curve
from metricfit.trainers.metrics import CocoAP, Found

from ...reference.isotonic import isotonic
from ...soak import calibration
from ..detections import NAMES, random_pictures


def finds_of(scores, right, classes=None, truths=(9,)):
    scores, right = np.array(scores, np.float64), np.array(right, np.float64)
    classes = np.zeros(len(scores), np.int64) if classes is None else np.array(classes)
    return Finds(np.arange(len(scores)), classes, scores, right, 0.8 * right, np.array(truths), len(scores))


def test_pools_give_the_nearest_rising_values():
    rng = np.random.default_rng(0)
    for _ in range(300):
        count = int(rng.integers(1, 12))
        values = rng.integers(0, 3, count) / 2 if rng.random() < 0.5 else rng.random(count)
        weights = rng.choice([0.5, 1, 2, 7], count)
        starts = pools(values, weights)
        sizes = np.diff([*starts, count])
        means = np.add.reduceat(values * weights, starts) / np.add.reduceat(weights, starts)
        np.testing.assert_allclose(np.repeat(means, sizes), isotonic(values, weights), atol=1e-12)
        assert (np.diff(means) > 0).all()


def test_an_isotonic_curve_goes_through_the_centres_of_its_pools():
    # Log-odds -3, -2 false, -1 right, 0 false, 1 and 2 right; half a right find at -3, half a false one at 2.
    curve = isotonic_curve(np.array([-3, -2, -1, 0, 1, 2.0]), np.array([0, 0, 1, 0, 1, 1.0]))
    # Pools: -3 and -2 with weight 2.5 hold 0.5; -1 and 0 hold 1 of 2; 1 and 2 hold 2 of 2.5.
    assert curve.at == pytest.approx(((-4.5 - 2) / 2.5, -0.5, (1 + 3) / 2.5))
    assert probability(np.array(curve.gives)) == pytest.approx([0.2, 0.5, 0.8])
    assert curve.slopes == (0.01, 0.01)


@pytest.mark.parametrize(("right", "level"), [((1,), 0.75), ((0,), 0.25), ((1,) * 5, 5.5 / 6), ((0,) * 5, 0.5 / 6)])
@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_few_finds_alike_are_neither_sure_nor_hopeless(right, level, method):
    curve = FITS[method](np.full(len(right), -2.5), np.array(right, np.float64))
    assert probability(curve(np.array([-2.5]))) == pytest.approx(level)


@pytest.mark.parametrize("slope", [0.2, 1.0, 9.0])
def test_lines_find_the_slope_and_offset_that_made_the_outcomes(slope):
    rng = np.random.default_rng(1)
    at = rng.normal(-2.5, 0.4, 40_000)
    outcomes = (rng.random(len(at)) < probability(slope * (at + 2.3))).astype(np.float64)
    curve = platt_curve(at, outcomes)
    assert curve.slopes[0] == pytest.approx(slope, rel=0.08)
    assert curve(np.array([-2.3])) == pytest.approx(0, abs=0.05)
    about_zero = at + 2.5
    outcomes = (rng.random(len(at)) < probability(slope * about_zero)).astype(np.float64)
    assert temperature_curve(about_zero, outcomes).slopes[0] == pytest.approx(slope, rel=0.1)


def test_lines_do_not_turn_the_order_round():
    at, outcomes = np.array([-1, -1, 0, 1, 1.0]), np.array([1, 1, 0, 0, 0.0])
    for curve in (platt_curve(at, outcomes), temperature_curve(at, outcomes)):
        assert curve.slopes == (0.01, 0.01)


def test_a_class_with_few_finds_is_drawn_towards_all():
    rng = np.random.default_rng(3)
    scores = rng.uniform(0.02, 0.12, 500)
    right = rng.random(500) < probability(80 * (scores - 0.07))
    # Class 1 has five sure finds that are all false, and junk; class 2 only junk; class 3 no object, class 4 nothing.
    few = [0.11, 0.112, 0.114, 0.116, 0.118]
    classes = [0] * 500 + [1] * 5 + [1] * 40 + [2] * 40 + [3] * 30
    junk = [0.001] * 80 + [0.1] * 30
    finds = finds_of([*scores, *few, *junk], [*right, *[0] * 115], classes, truths=(99, 9, 9, 0, 9))
    for method in ("isotonic", "platt"):
        found = fit(finds, method)
        common = FITS[method](log_odds(finds.scores), finds.right)
        own = finds.classes == 1
        alone = FITS[method](log_odds(finds.scores[own]), finds.right[own])
        at = np.linspace(-8, -1.5, 40)
        wanted = 5 / 25 * alone(at) + 20 / 25 * common(at)
        np.testing.assert_allclose(found.curves[1](at), wanted, atol=0.02)
        assert found.curves[2] == found.curves[3] == found.curves[4] == common
        assert found.curves[0] != common
    assert share_of(0) == 0
    assert share_of(20) == 0.5


def saturated(pictures, rng):
    """The same boxes with scores of which many are equal, and many as near to 0 or 1 as float32 can tell."""
    for truth, found in pictures:
        logits = np.round(40 * (found.scores - 0.5)) / 2 * rng.choice([1, 2], len(found.scores))
        yield truth, Found(found.boxes, (1 / (1 + np.exp(-logits))).astype(np.float32), found.classes)


@pytest.mark.parametrize("method", FITS)
@pytest.mark.parametrize("target", ["precision", "iou"])
@pytest.mark.parametrize("kind", ["plain", "small", "saturated"])
def test_the_order_of_a_class_and_ap_stay(method, target, kind):
    rng = np.random.default_rng(8)
    pictures = random_pictures(seed=2, count=60, scale=0.1 if kind == "small" else 1.0)
    pictures = list(saturated(pictures, rng)) if kind == "saturated" else pictures
    curves = fit(Finds.of(pictures, len(NAMES)), method, target)
    before, after = CocoAP(NAMES), CocoAP(NAMES)
    for truth, found in pictures:
        before.update(truth, found)
        scores = curves.scores(found.scores, found.classes).astype(np.float32)
        after.update(truth, Found(found.boxes, scores, found.classes))
    for index in range(len(NAMES)):
        every = np.unique(np.concatenate([found.scores[found.classes == index] for _, found in pictures]))
        assert (np.diff(curves.scores(every, np.full(len(every), index))) > 0).all()
    assert after.result().ap == pytest.approx(before.result().ap, abs=1e-3)


def test_scores_of_a_ranking_loss_become_how_often_they_are_right():
    rng = np.random.default_rng(4)
    scores = rng.uniform(0.05, 0.10, 8000)
    right = rng.random(8000) < probability(150 * (scores - 0.075))
    half = finds_of(scores[::2], right[::2], truths=(4000,))
    for method in ("isotonic", "platt"):
        found = fit(half, method).scores(scores[1::2], np.zeros(4000))
        bins = np.digitize(found, np.linspace(0, 1, 11)[1:-1])
        gaps = [abs(found[bins == place].mean() - right[1::2][bins == place].mean()) for place in range(10)]
        assert max(gaps) < 0.08


def test_without_a_find_nothing_changes():
    found = fit(finds_of([], [], truths=(3, 0)))
    assert found.scores(np.array([0.3]), np.array([1])) == pytest.approx(0.3)


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.5, np.inf])
def test_scores_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        fit(finds_of([0.5, bad], [1, 0]))
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        fit(finds_of([0.5, 0.4], [1, bad]))


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match="calibrate by isotonic, platt, temperature to precision or iou"):
        fit(finds_of([0.5], [1]), "none")


@pytest.mark.parametrize("seed", range(6))
def test_made_up_detectors_keep_their_order_and_err_no_more(seed):
    method, target = list(FITS)[seed % 3], ("precision", "iou")[seed // 3]
    assert calibration.tried(seed, method, target) == ""
