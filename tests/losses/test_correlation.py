"""The correlation loss: its coefficients, soft ranks as a projection, slopes, and what is undefined."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses.ranking.soft_ranks import SoftRanks

from ..reference import correlation as by_hand
from ..reference.ranking_losses import reference
from .modes import MODES, assert_close

COEFFICIENTS = ("concordance", "pearson", "spearman")
ENTRIES = 32  # in every batch, so that functions are compiled once
each_coefficient = pytest.mark.parametrize("coefficient", COEFFICIENTS)


def batch(seed=0, positives=12):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.ones(positives, int), rng.choice([0, -1], ENTRIES - positives)])
    scores, quality = rng.normal(0, 2, ENTRIES), rng.random(ENTRIES)
    return rng.permutation(labels), scores.astype(np.float32), quality.astype(np.float32)


@functools.cache
def compiled(mode, hyperparameters):
    @MODES[mode]
    def step(labels, scores, quality):
        with tf.GradientTape() as tape:
            tape.watch([scores, quality])
            value = losses.correlation_loss(labels, scores, quality, **dict(hyperparameters))
        return value, tape.gradient(value, [scores, quality])

    return step


def value_and_gradient(labels, scores, quality, mode="eager", **hyperparameters):
    arguments = tf.constant(labels), tf.constant(scores, tf.float32), tf.constant(quality, tf.float32)
    value, (to_scores, to_quality) = compiled(mode, tuple(hyperparameters.items()))(*arguments)
    assert to_quality is None, "the paper trains the classifier alone"
    return float(value), to_scores.numpy()


def logits(*probabilities):
    p = np.array(probabilities)
    return np.log(p / (1 - p))


def test_by_hand():
    # p 0.2, 0.4, 0.9 (mean 0.5) and IoU 0.5, 0.6, 0.7 (mean 0.6): cov (-0.3 · -0.1 + 0.4 · 0.1)/3
    labels, scores, quality = [1, 0, 1, 1], logits(0.2, 0.99, 0.4, 0.9), [0.5, 0.1, 0.6, 0.7]
    covariance, of_scores, of_quality = 0.07 / 3, 0.26 / 3, 0.02 / 3
    found = {name: value_and_gradient(labels, scores, quality, coefficient=name)[0] for name in COEFFICIENTS}
    assert found["pearson"] == pytest.approx(1 - covariance / np.sqrt(of_scores * of_quality), rel=1e-5)
    assert found["concordance"] == pytest.approx(1 - 2 * covariance / (of_scores + of_quality + 0.1**2), rel=1e-5)
    # ranks are hard for a small regularization: in the same order here, and in the opposite one
    hard = {"coefficient": "spearman", "regularization": 1e-3}
    assert value_and_gradient(labels, scores, quality, **hard)[0] == pytest.approx(0, abs=1e-6)
    assert value_and_gradient(labels, -scores, quality, **hard)[0] == pytest.approx(2, abs=1e-6)
    # perfect: equal numbers for concordance, a straight line for Pearson
    assert value_and_gradient([1, 1, 1], logits(0.2, 0.4, 0.9), [0.2, 0.4, 0.9])[0] == pytest.approx(0, abs=1e-6)
    line = value_and_gradient([1, 1, 1], logits(0.2, 0.4, 0.9), [0.1, 0.2, 0.45], coefficient="pearson")
    assert line[0] == pytest.approx(0, abs=1e-6)


@each_coefficient
def test_the_slopes_of_the_reference_are_those_of_its_values(coefficient):
    labels, scores, quality = (one.astype(np.float64) for one in batch(1))
    for regularization in (0.3, 1.0, 3.0) if coefficient == "spearman" else (1.0,):
        more = {"coefficient": coefficient, "regularization": regularization}
        _, gradient, _ = reference("correlation", labels, scores, quality, **more)
        assert np.abs(gradient).max() > 1e-3
        for place in np.flatnonzero(labels == 1):
            moved = np.zeros(len(scores))
            moved[place] = 1e-6
            values = [reference("correlation", labels, scores + sign * moved, quality, **more)[0] for sign in (1, -1)]
            assert gradient[place] == pytest.approx((values[0][0] - values[1][0]) / 2e-6, abs=1e-7)


@each_coefficient
def test_every_mode_agrees_with_the_reference(coefficient):
    for seed, positives, regularization in ((2, 5, 0.3), (3, 12, 1.0), (4, 30, 0.3)):
        labels, scores, quality = batch(seed, positives)
        if seed == 4:  # ties
            scores, quality = np.round(scores), np.round(quality, 1)
        more = {"coefficient": coefficient} | ({} if regularization == 1 else {"regularization": regularization})
        expected, gradient, _ = reference("correlation", labels, scores, quality, **more)
        # under XLA the contract of all losses has concordance
        for mode in MODES if seed == 3 and coefficient == "spearman" else ("eager", "graph"):
            value, found = value_and_gradient(labels, scores, quality, mode, **more)
            assert value == pytest.approx(expected[0], rel=2e-6)
            assert_close(found, gradient, 2e-6)


def test_soft_ranks_are_the_nearest_point_of_the_permutahedron():
    rng = np.random.default_rng(5)
    corners = np.array([*itertools.permutations(range(1, 6))])
    for regularization in (0.2, 1.0, 5.0):
        numbers = np.round(rng.random(7), 1 if regularization == 1 else 8).astype(np.float32)
        valid = np.array([True, False, True, True, False, True, True])
        soft = SoftRanks(tf.constant(numbers, tf.float64), numbers, valid, tf.constant(5.0, tf.float64), regularization)
        assert not soft.deviations.numpy()[~valid].any()
        ranks = soft.deviations.numpy()[valid] + 3
        stretched = 5 * numbers[valid].astype(np.float64) / regularization
        # the nearest: no corner of the hull lies further on the way to what is projected; and inside of the hull
        assert ((corners - ranks) @ (stretched - ranks)).max() < 1e-9
        assert ranks.sum() == pytest.approx(15)
        descending = np.sort(ranks)[::-1]
        assert (np.cumsum(descending) <= np.cumsum([5, 4, 3, 2, 1]) + 1e-9).all()
        np.testing.assert_allclose(ranks, by_hand.soft_ranks(numbers[valid].astype(np.float64), regularization)[0])


def test_spearman_lies_between_hard_ranks_and_pearson():
    labels, scores, quality = batch(6)
    quality **= 4
    hard = by_hand.pearson(*(np.argsort(np.argsort(one[labels == 1])) for one in (scores, quality)))[0]
    value, gradient = value_and_gradient(labels, scores, quality, coefficient="spearman", regularization=1e-4)
    assert value == pytest.approx(1 - hard, abs=1e-6)
    assert not gradient.any()
    # the strength 1 of the authors' code, which is P in units of 1/P: Pearson's coefficient of the numbers themselves
    value, gradient = value_and_gradient(labels, scores, quality, coefficient="spearman", regularization=12.0)
    pearson, slopes = value_and_gradient(labels, scores, quality, coefficient="pearson")
    assert value == pytest.approx(pearson, abs=1e-6)
    np.testing.assert_allclose(gradient, slopes, atol=1e-7)
    assert abs(hard - (1 - pearson)) > 0.02


@pytest.mark.parametrize(
    ("coefficient", "mode"), [*itertools.product(COEFFICIENTS, ("eager", "graph")), ("spearman", "xla")]
)
def test_what_is_undefined_is_a_loss_of_one_without_a_slope(coefficient, mode):
    labels, scores, quality = batch(7)
    same = np.full_like(scores, 0.3)
    for arguments in ((scores, same), (same, same), (np.full_like(scores, 1e4), quality)):
        value, gradient = value_and_gradient(labels, *arguments, mode, coefficient=coefficient)
        assert value == 1
        assert not gradient.any()
    value, gradient = value_and_gradient(labels, same, quality, mode, coefficient=coefficient)
    assert value == 1
    assert gradient.any() == (coefficient == "concordance"), "equal scores are parted by concordance alone"
    for few in (np.minimum(labels, 0), np.where(np.arange(ENTRIES) == 3, 1, np.minimum(labels, 0))):
        value, gradient = value_and_gradient(few, scores, quality, mode, coefficient=coefficient)
        assert value == 0
        assert not gradient.any()
    broken = np.where(labels == 1, np.nan, scores)
    assert np.isnan(value_and_gradient(labels, broken, quality, mode, coefficient=coefficient)[0])
    assert np.isnan(value_and_gradient(labels, scores, np.full_like(quality, np.nan), mode, coefficient=coefficient)[0])


def test_nearly_equal_scores_have_their_slopes():
    # those of a fresh network: probabilities within 1e-7 of each other
    labels, scores, quality = batch(8)
    scores = (-4.6 + 1e-6 * scores).astype(np.float32)
    for coefficient in COEFFICIENTS:
        expected, gradient, _ = reference("correlation", labels, scores, quality, coefficient=coefficient)
        value, found = value_and_gradient(labels, scores, quality, coefficient=coefficient)
        assert value == pytest.approx(expected[0], rel=1e-5)
        assert_close(found, gradient, 1e-5)


def test_an_addition_to_other_losses():
    labels, scores, quality = batch(9)
    total = losses.get("focal + 0.2 * correlation", coefficient="pearson")
    found = total({"labels": labels, "localization_quality": quality}, scores)
    expected = losses.binary_focal_loss(labels, scores) + 0.2 * losses.correlation_loss(
        labels, scores, quality, coefficient="pearson"
    )
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_bad_arguments_are_named():
    labels, scores, quality = batch()
    with pytest.raises(ValueError, match="coefficient must be one of concordance, pearson, spearman, got 'kendall'"):
        losses.get("correlation", coefficient="kendall")
    with pytest.raises(ValueError, match="must be the IoU of their boxes, 0 to 1"):
        losses.correlation_loss(labels, scores, 3 * quality)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be the IoU of their boxes, 0 to 1"):
        MODES["graph"](losses.correlation_loss)(labels, scores, 3 * quality)
