"""Temperatures of classes: a slow reference, halves, parts that are merged, and what is no probability."""

import math

import numpy as np
import pytest

from metricfit.trainers.metrics.calibration.class_temperature import TEMPERATURES, ClassTemperature, sample_of

from ....reference import calibration as reference


def picture(rng, factor, side=40, classes=4):
    """Scores whose logits are a factor too large, and labels drawn by the right ones."""
    logits = rng.normal(0, 2, (side, side, classes))
    right = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    labels = (right.cumsum(-1) < rng.random((side, side, 1))).sum(-1).clip(0, classes - 1).astype(np.uint8)
    given = np.exp(factor * logits)
    return (given / given.sum(-1, keepdims=True)).astype(np.float32), labels


def loss(scores, labels, temperature):
    """Mean negative log-likelihood, pixel by pixel."""
    total = 0.0
    for row, label in zip(scores.reshape(-1, scores.shape[-1]).tolist(), labels.ravel().tolist()):
        powers = [value ** (1 / temperature) for value in row]
        total -= math.log(powers[label] / sum(powers))
    return total / labels.size


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scaling_of_the_logits(factor):
    rng, found = np.random.default_rng(5), ClassTemperature()
    scores, labels = picture(rng, factor)
    found.update(sample_of(scores), labels)
    best = found.result()
    assert best == pytest.approx(factor, rel=0.12)
    losses = [loss(scores, labels, best * change) for change in (0.93, 1.0, 1.07)]
    assert losses[1] == min(losses)


def test_each_half_is_tempered_by_the_other():
    rng, found, pairs, factors = np.random.default_rng(6), ClassTemperature(), [], (2.0, 4.0)
    for place in range(4):
        scores, labels = picture(rng, factors[place % 2])
        found.update(sample_of(scores), labels, place % 2)
        # The temperatures of the other half stand on the grid.
        powers = scores.astype(np.float64) ** (1 / factors[1 - place % 2])
        powers /= powers.sum(-1, keepdims=True)
        pairs += zip(powers.max(-1).ravel().tolist(), (powers.argmax(-1) == labels).ravel().tolist())
    assert found.tempered().error == pytest.approx(reference.expected_error(pairs, 15), abs=1e-3)
    assert found.tempered().counts.sum() == 4 * 40 * 40


def test_parts_are_merged_to_the_bit():
    rng = np.random.default_rng(7)
    pictures = [picture(rng, 2.0, side=12) for _ in range(5)]
    whole, first, second = ClassTemperature(), ClassTemperature(), ClassTemperature()
    for place, (scores, labels) in enumerate(pictures):
        for one in (whole, first if place < 2 else second):
            one.update(sample_of(scores), labels, place % 2)
    second.merge(first)
    assert second.result() == whole.result()
    assert second.tempered().to_dict() == whole.tempered().to_dict()


def test_what_does_not_count_or_is_no_probability_is_left_out():
    rng = np.random.default_rng(8)
    scores, labels = picture(rng, 2.0)
    ignored, few = np.full_like(labels, 255), ClassTemperature()
    few.update(sample_of(scores), ignored)
    assert np.isnan(few.result())
    assert few.tempered() is None
    logits = ClassTemperature()
    for place, one in enumerate((scores, scores, 5 * scores)):
        logits.update(sample_of(one), labels, place % 2)
    assert np.isnan(logits.result())
    certain = ClassTemperature()
    certain.update(sample_of(scores), scores.argmax(-1).astype(np.uint8))
    assert np.isnan(certain.result()), "the sharper, the better"


@pytest.mark.parametrize(("shape", "most"), [((400, 500, 2), 2048), ((400, 500, 21), 953), ((300, 300, 150), 134)])
def test_samples_are_spread_over_the_picture(shape, most):
    scores = np.random.default_rng(0).random(shape, np.float32)
    sample = sample_of(scores)
    assert 0.6 * most < len(sample.places) <= 1.15 * most
    rows, columns = np.unravel_index(sample.places, shape[:2])
    np.testing.assert_array_equal(sample.scores, scores[rows, columns])
    assert rows.min() < 0.1 * shape[0] < 0.9 * shape[0] < rows.max()
    assert columns.min() < 0.1 * shape[1] < 0.9 * shape[1] < columns.max()
    assert sample_of(scores[:1, :1]).places.tolist() == [0]
    assert TEMPERATURES[12] == 1
