"""Calibration of pixels: worked examples, a slow reference, parts that are merged, and the temperature."""

import numpy as np
import pytest

from metricfit.trainers.metrics.calibration.halves import half_of
from metricfit.trainers.metrics.calibration.pixels import PixelCalibration
from metricfit.trainers.metrics.calibration.reliability import Reliability
from metricfit.trainers.metrics.calibration.temperature import Temperature

from ....reference import calibration as reference

HALF_LEVEL = 0.5 / 255**2  # to which confidences are rounded


def measured(confidence, outcome, bins=15, measure=PixelCalibration):
    one = measure(bins) if measure is PixelCalibration else measure()
    one.update(np.atleast_2d(np.float32(confidence)), np.atleast_2d(np.uint8(outcome)))
    return one.result()


def test_by_hand():
    assert measured([0, 0, 1, 1], [0, 0, 1, 1]).error == 0
    assert measured([1, 1, 0], [0, 0, 1]).error == 1
    # A bin of .7 that is right by half, and one of .2 that always is.
    two = measured([0.7, 0.7, 0.2], [1, 0, 1])
    assert two.error == pytest.approx(2 / 3 * 0.2 + 1 / 3 * 0.8, abs=HALF_LEVEL)
    assert two.counts.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]
    # On an edge the upper bin takes it; 1 is in the last.
    assert np.flatnonzero(measured([0, 3 / 15, 14 / 15, 1], [0, 0, 0, 0]).counts).tolist() == [0, 3, 14]


def test_what_is_ignored_does_not_count():
    whole, part = measured([[0.3, 0.9]], [[1, 255]]), measured([0.3], [1])
    assert whole.error == part.error == pytest.approx(0.7, abs=HALF_LEVEL)
    assert whole.counts.sum() == 1
    nothing = measured([0.3], [255])
    assert np.isnan(nothing.error)
    assert nothing.to_dict()["outcome"] == [None] * 15
    assert np.isnan(measured([0.3], [255], measure=Temperature))


@pytest.mark.parametrize("bins", [15, 5, 1])
def test_a_slow_reference_agrees(bins):
    rng = np.random.default_rng(bins)
    confidence = np.concatenate([rng.random(300), rng.beta(0.05, 0.05, 300), [0, 1]]).astype(np.float32)
    outcome = rng.random(len(confidence)) < 0.3 + 0.4 * confidence
    expected = reference.expected_error(list(zip(confidence.tolist(), outcome.tolist())), bins)
    assert measured(confidence, outcome, bins).error == pytest.approx(expected, abs=HALF_LEVEL)
    assert Reliability.of(confidence, outcome, bins).error == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("measure", [PixelCalibration, Temperature])
def test_parts_make_the_whole_to_the_bit(measure):
    rng = np.random.default_rng(0)
    pictures = [(rng.random((5, 7), np.float32), rng.choice([0, 1, 255], (5, 7)).astype(np.uint8)) for _ in range(6)]
    whole, first, second = measure(), measure(), measure()
    for index, picture in enumerate(pictures):
        whole.update(*picture)
        (second if index % 2 else first).update(*picture)
    second.merge(first)
    one, other = second.result(), whole.result()
    if measure is Temperature:
        assert one == other
    else:
        assert one.to_dict() == other.to_dict()


def test_scores_that_are_no_probabilities_are_not_judged():
    for value in (1.5, -0.1, np.nan, np.inf):
        assert measured([0.5, value], [1, 0]) is None
    # What rounding may lead to is a probability.
    assert measured([0.5, 1 + 1e-6], [1, 1]).error == pytest.approx(0.25, abs=HALF_LEVEL)


def test_settings_and_arguments_are_checked():
    with pytest.raises(ValueError, match="bins must divide 255, got 10"):
        PixelCalibration(10)
    with pytest.raises(ValueError, match="must share bins"):
        PixelCalibration(5).merge(PixelCalibration())
    with pytest.raises(ValueError, match="must share one shape"):
        PixelCalibration().update(np.zeros((2, 2), np.float32), np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"only, got \[7\]"):
        PixelCalibration().update(np.zeros((1, 1), np.float32), np.full((1, 1), 7, np.uint8))


@pytest.mark.parametrize("factor", [0.4, 1.0, 5.0])
def test_the_temperature_undoes_a_scaling_of_the_logits(factor):
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, 4000)
    label = rng.random(4000) < 1 / (1 + np.exp(-logits))
    probability = 1 / (1 + np.exp(-np.clip(factor * logits, -15, 15)))
    best = measured(probability, label, measure=Temperature)
    assert best == pytest.approx(factor, rel=0.12)
    pairs = list(zip(np.float32(probability).tolist(), label.tolist()))
    losses = [reference.likelihood_loss(pairs, best * change) for change in (0.97, 1.0, 1.03)]
    assert losses[1] == min(losses)


def test_a_temperature_is_tried_on_the_other_half():
    rng = np.random.default_rng(4)
    found, pairs, factors = Temperature(), [], (3.0, 1.5)
    for place in range(6):
        logits = rng.normal(0, 2, (60, 60))
        label = (rng.random((60, 60)) < 1 / (1 + np.exp(-logits))).astype(np.uint8)
        given = factors[place % 2] * logits  # what the temperature of its own half would undo
        found.update((1 / (1 + np.exp(-given))).astype(np.float32), label, place % 2)
        tempered = 1 / (1 + np.exp(-given / factors[1 - place % 2]))
        pairs += zip(tempered.ravel().tolist(), label.ravel().tolist())
    assert found.tempered(15).error == pytest.approx(reference.expected_error(pairs, 15), abs=5e-3)
    assert found.tempered(15).counts.sum() == 6 * 3600
    one = Temperature()
    one.update(np.float32([[0.2, 0.7, 0.3, 0.9]]), np.uint8([[1, 1, 0, 0]]))
    assert one.tempered(15) is None


def test_maps_that_are_all_right_or_say_nothing_have_no_temperature():
    assert np.isnan(measured([0.1, 0.9], [0, 1], measure=Temperature))
    assert np.isnan(measured([0.1, 0.9], [1, 0], measure=Temperature))
    assert np.isnan(Temperature().result())


def test_names_tell_the_half_and_both_have_pictures():
    halves = [half_of(f"photo_{index:04d}.jpg") for index in range(1000)]
    assert 450 < sum(halves) < 550
    assert halves == [half_of(f"photo_{index:04d}.jpg") for index in range(1000)]
    assert half_of("caf\udce9.png") in (0, 1)
