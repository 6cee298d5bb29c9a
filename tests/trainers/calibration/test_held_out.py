"""What calibrating is worth: figures as the metrics have them, halves that do not know each other, intervals."""

import json

import numpy as np
import pytest

from metricfit.trainers.calibration.finds import Finds
from metricfit.trainers.calibration.fitting import fit
from metricfit.trainers.calibration.held_out import FIGURES, Fitted, errors, held_out_scores, with_intervals
from metricfit.trainers.metrics import resampling

from ..detections import NAMES, box_calibration, random_pictures
from .test_fitting import finds_of


@pytest.mark.parametrize("seed", range(4))
def test_errors_are_those_of_the_metrics_for_any_number_of_each_picture(seed):
    rng = np.random.default_rng(seed)
    pictures, cuts = random_pictures(seed=seed, count=12), rng.uniform(0, 0.6, 3)
    cuts[0] = 2 if seed == 3 else cuts[0]  # a class of which none is shown
    finds, counts = Finds.of(pictures, 3, cuts), rng.integers(0, 3, (5, 12))
    found = errors(finds, counts)
    for draw, times in enumerate(counts):
        several = [picture for picture, number in zip(pictures, times) for _ in range(number)]
        wanted = box_calibration(several, NAMES, cuts)
        for name in FIGURES:
            assert found[name][draw] == pytest.approx(getattr(wanted, name), nan_ok=True)


def test_thresholds_leave_the_same_finds_as_a_look_at_all():
    pictures, cuts = random_pictures(seed=7, count=20), np.array([0.3, 0.5, 0.7])
    whole = Finds.of(pictures, 3)
    kept = whole.where(whole.scores >= cuts[whole.classes])
    np.testing.assert_array_equal(kept.rows, Finds.of(pictures, 3, cuts).rows)


def test_each_half_is_calibrated_by_the_other():
    # Blocks of one picture each: even ones all right, odd ones all false, scores alike.
    finds = finds_of([0.3] * 20, [1, 0] * 10)
    found = held_out_scores(finds, "isotonic", "precision")
    assert found[0::2] == pytest.approx(0.5 / 11)
    assert found[1::2] == pytest.approx(10.5 / 11)
    assert fit(finds).scores(finds.scores, finds.classes) == pytest.approx(0.5)


def test_neighbours_are_in_one_half():
    # 200 pictures in a row: blocks of ten.
    finds = finds_of([0.3] * 200, [place // 10 % 2 for place in range(200)])
    found = held_out_scores(finds, "isotonic", "precision")
    assert len(set(found[:10])) == 1
    assert (found > 0.5).tolist() == [place // 10 % 2 == 0 for place in range(200)]


@pytest.mark.parametrize("count", [0, 1])
def test_one_picture_has_no_other_half_and_no_interval(count):
    finds = finds_of([0.3] * count, [1] * count)
    assert held_out_scores(finds, "isotonic", "precision").tolist() == pytest.approx([0.3] * count)
    figures, intervals = with_intervals(finds)
    assert figures == (
        {name: pytest.approx({"detection_ece": 0.7}.get(name, 0.5)) for name in FIGURES} if count else {}
    )
    assert intervals == {}


def test_pictures_in_which_nothing_is_shown_have_no_figures():
    assert with_intervals(Finds.of(random_pictures(count=12), 3, np.full(3, 2.0))) == ({}, {})


def test_intervals_hold_the_figure_of_most_sets():
    rng = np.random.default_rng(0)

    def drawn(count):
        scores = rng.random(count)
        return finds_of(scores, rng.random(count) < scores / 2)

    truth = errors(drawn(60_000), np.ones((1, 60_000)))["laace_0"][0]
    held = 0
    for _ in range(20):
        low, high = with_intervals(drawn(40))[1]["laace_0"]
        held += low <= truth <= high
    assert held >= 16


def test_a_few_draws_at_a_time_give_the_same_intervals(monkeypatch):
    finds = Finds.of(random_pictures(seed=3, count=30), 3)
    figures, whole = with_intervals(finds)
    monkeypatch.setattr(resampling, "_AT_ONCE", 30 * 64)
    assert with_intervals(finds) == (figures, {name: pytest.approx(ends, rel=1e-12) for name, ends in whole.items()})


def test_what_was_fitted_is_read_again():
    calibration = fit(finds_of([0.1, 0.2, 0.3], [0, 1, 1]))
    fitted = Fitted(calibration, 3, 3, {"ap": 0.5}, {"ap": 0.5}, {"laece_0": [0.1, 0.2]}, {})
    assert Fitted.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted
