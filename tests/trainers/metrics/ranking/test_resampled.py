"""Intervals of AP: of each class, in blocks, of rare classes, and how often they hold what they are to hold."""

import numpy as np
import pytest
from scipy import stats

from metricfit.trainers.metrics import CocoAP, Found, Truth, resampling
from metricfit.trainers.metrics.ranking import resampled
from metricfit.trainers.metrics.ranking.resampled import ap_intervals
from metricfit.trainers.metrics.resampling import EACH_SIDE, bounds, draws

from ....soak.ap_intervals import tried
from ...detections import random_pictures

NAMES = ("cat", "dog", "owl", "emu")


def pictures_of(seed, count):
    """Pictures with a class that one of them alone has, and one that none has; no two scores are equal."""
    rng = np.random.default_rng(seed)
    pictures = [
        (truth, Found(found.boxes, rng.random(len(found.scores)), found.classes))
        for truth, found in random_pictures(seed=seed, count=count, classes=2)
    ]
    truth = pictures[2][0]
    pictures[2] = (Truth([*truth.boxes, [0, 0, 9, 9]], [*truth.classes, 2]), pictures[2][1])
    return pictures


def slow(pictures, counts):
    """AP by draw of all classes and of each, float64 [5, R], of `CocoAP` that saw each picture as often."""
    rows = []
    for row in counts:
        coco = CocoAP(NAMES)
        for picture, times in zip(pictures, row):
            for _ in range(times):
                coco.update(*picture)
        result = coco.result()
        rows.append([result.ap, *result.class_ap])
    return np.array(rows).T


def test_intervals_are_those_of_sets_drawn_anew():
    pictures = pictures_of(1, 12)
    counts = draws(len(pictures), count=40, seed=3)
    values, measured = slow(pictures, counts), slow(pictures, np.ones((1, 12), int))[:, 0]
    found = ap_intervals(pictures, 4, count=40, seed=3)
    have = [sum((truth.classes[~truth.ignored] == kind).any() for truth, _ in pictures) for kind in range(4)]
    assert have[2:] == [1, 0]
    assert found.class_pictures.tolist() == have
    for kind in range(2):
        ends = bounds(values[1 + kind], have[kind], confidence=EACH_SIDE, measured=measured[1 + kind])
        assert found.class_ap[kind] == pytest.approx(ends, abs=1e-9)
        assert ends[0] < measured[1 + kind] < ends[1]
    assert np.isnan(found.class_ap[2:]).all(), "one picture says nothing of others"
    any_box = sum((~truth.ignored).any() for truth, _ in pictures)
    assert found.ap == pytest.approx(bounds(values[0], any_box, confidence=EACH_SIDE, measured=measured[0]), abs=1e-9)
    assert found.scalars == dict(zip(("ap_low", "ap_high"), found.ap))
    assert found.to_dict()["draws"] == 40


def test_blocks_change_nothing(monkeypatch):
    pictures = pictures_of(2, 9)
    whole = ap_intervals(pictures, 4, count=25, seed=1)
    for module in (resampling, resampled):
        monkeypatch.setattr(module, "_AT_ONCE", 40)
    parts = ap_intervals(pictures, 4, count=25, seed=1)
    assert parts.ap == whole.ap
    np.testing.assert_array_equal(parts.class_ap, whole.class_ap)
    assert ap_intervals(pictures, 4, count=25, seed=2).ap != whole.ap


def test_nothing_found_and_one_picture_alone():
    nothing = [(truth, Found(np.zeros((0, 4)), [], [])) for truth, _ in pictures_of(3, 8)]
    assert ap_intervals(nothing, 4, count=20).ap == (0.0, 0.0)
    alone = ap_intervals(pictures_of(3, 8)[2:3], 4, count=20)
    assert np.isnan(alone.ap).all()
    assert alone.scalars == {}


def test_corrected_bounds_are_those_of_scipy():
    """Of a variance, whose draws are too small on average; BCa without acceleration is what is asked for."""
    values = np.random.default_rng(4).gamma(2.0, size=200)
    counts = draws(200, count=4000, seed=1)
    mean = counts @ values / 200
    drawn = counts @ values**2 / 200 - mean**2
    z0 = stats.norm.ppf((drawn < values.var()).mean())
    aside = stats.t.ppf(0.95, 199) * np.sqrt(200 / 199)
    expected = np.quantile(drawn, stats.norm.cdf([2 * z0 - aside, 2 * z0 + aside]))
    assert bounds(drawn, 200, measured=values.var()) == pytest.approx(tuple(expected), abs=1e-3)
    assert bounds(drawn, 200)[0] < expected[0], "and without it they lie lower"
    assert bounds(drawn, 200, measured=99.0)[1] == drawn.max()


def test_intervals_hold_what_ap_is():
    """Of pictures made by chance, AP of thousands of which is known; the long version is `tests.soak.ap_intervals`."""
    held, all_tries = tried(seed=0, sets=6, pictures=30, count=60, many=600)
    assert held >= 0.8 * all_tries
    too_high, _ = tried(seed=0, sets=6, pictures=30, count=60, many=600, moved=0.3)
    assert too_high < 0.5 * all_tries, "others they do not hold"
