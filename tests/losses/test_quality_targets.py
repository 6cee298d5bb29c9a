"""Varifocal and quality focal loss: numbers by hand, slopes by finite differences, targets at their ends, refusals."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses.checks import check_quality

from ..reference.ranking_losses import reference
from .modes import MODES

NAMES = ("varifocal", "quality_focal")
LOGIT = {0.25: -np.log(3), 0.5: 0.0, 0.75: np.log(3)}  # of probabilities
each_loss = pytest.mark.parametrize("name", NAMES)


def value_and_gradient(name, labels, scores, quality, **hyperparameters):
    scores = tf.constant(scores, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = losses.LOSSES[name].function(labels, scores, tf.constant(quality, tf.float32), **hyperparameters)
    return float(value), tape.gradient(value, scores).numpy()


def test_by_hand():
    # positives of IoU 0.8 and 0.4 at p = 0.75 and 0.25, a negative at 0.5; two positives divide
    labels, scores, quality = [1, 1, 0], [LOGIT[0.75], LOGIT[0.25], LOGIT[0.5]], [0.8, 0.4, 0.9]
    first = -(0.8 * np.log(0.75) + 0.2 * np.log(0.25))
    second = -(0.4 * np.log(0.25) + 0.6 * np.log(0.75))
    value, gradient = value_and_gradient("varifocal", labels, scores, quality)
    assert value == pytest.approx((0.8 * first + 0.4 * second + 0.75 * 0.25 * np.log(2)) / 2, rel=1e-6)
    # q (p − q), and α p^γ (p + γ (1 − p) · −log(1 − p))
    expected = [0.8 * -0.05, 0.4 * -0.15, 0.75 * 0.25 * (0.5 + np.log(2))]
    np.testing.assert_allclose(gradient, np.array(expected) / 2, rtol=1e-5)
    value, _ = value_and_gradient("quality_focal", labels, scores, quality)
    assert value == pytest.approx((0.05**2 * first + 0.15**2 * second + 0.25 * np.log(2)) / 2, rel=1e-5)


def test_a_target_of_zero_is_a_negative_and_one_is_the_usual_label():
    score = [LOGIT[0.75]]
    missed, _ = value_and_gradient("varifocal", [1], score, [0.0])
    negative, _ = value_and_gradient("varifocal", [0], score, [0.0])
    assert missed == negative == pytest.approx(0.75 * 0.75**2 * np.log(4), rel=1e-6)
    assert value_and_gradient("varifocal", [1], score, [1.0])[0] == pytest.approx(-np.log(0.75), rel=1e-6)
    missed, _ = value_and_gradient("quality_focal", [1], score, [0.0])
    assert missed == pytest.approx(0.75**2 * np.log(4), rel=1e-6)
    # Li et al., section 3: with targets of 0 and 1 it is the focal loss
    labels, scores = np.array([1, 0, 0, 1]), np.float32([-1, 2, -3, 0.5])
    focal = 2 * losses.binary_focal_loss(labels, scores, alpha=0.5, gamma=2.0)
    assert value_and_gradient("quality_focal", labels, scores, np.ones(4))[0] == pytest.approx(float(focal), rel=1e-5)


@each_loss
def test_the_slopes_of_the_reference_are_those_of_its_values(name):
    # in float64; the loss itself is beside the reference in its contract
    rng = np.random.default_rng(0)
    labels, scores, quality = rng.choice([1, 0, -1], 30), rng.normal(0, 3, 30), rng.random(30)
    quality[:6] = [0, 0, 1, 1, 0.5, 0.5]
    for hyperparameters in ({}, {"alpha": 0.4, "gamma": 1.5} if name == "varifocal" else {"beta": 1.5}):
        _, gradient, _ = reference(name, labels, scores, quality, **hyperparameters)
        for place in range(30):
            moved = np.zeros(30)
            moved[place] = 1e-5
            values = [reference(name, labels, scores + sign * moved, quality, **hyperparameters)[0] for sign in (1, -1)]
            assert gradient[place] == pytest.approx((values[0][0] - values[1][0]) / 2e-5, abs=1e-8)


@each_loss
@pytest.mark.parametrize("exponent", [0.25, 1.0, 2.0])
def test_slopes_are_finite_at_every_logit_and_target(name, exponent):
    scores = np.float32([-1e30, -1e4, -100, -20, 0, 20, 100, 1e4, 1e30])
    for quality in (0.0, 0.5, 1.0):
        for label in (1, 0):
            shape = np.shape(scores)
            hyperparameters = {"gamma" if name == "varifocal" else "beta": exponent}
            arguments = np.full(shape, label), scores, np.full(shape, quality)
            value, gradient = value_and_gradient(name, *arguments, **hyperparameters)
            assert np.isfinite(value)
            assert np.isfinite(gradient).all()
            # finite logits only: 1e30 drowns the others in the sum
            value, gradient = value_and_gradient(name, *(one[1:-1] for one in arguments), **hyperparameters)
            expected, wanted, _ = reference(name, *(one[1:-1] for one in arguments), **hyperparameters)
            assert value == pytest.approx(expected[0], rel=1e-5)
            np.testing.assert_allclose(gradient, wanted, rtol=1e-4, atol=1e-7)


@each_loss
def test_what_is_no_iou_is_refused_and_numbers_that_are_none_are_not(name):
    labels, scores = tf.constant([1, 0, -1]), tf.constant([0.5, -1.0, 2.0])
    function = losses.LOSSES[name].function
    for wrong in (1.5, -0.2, 80.0):
        with pytest.raises(ValueError, match=r"must be the IoU of their boxes, 0 to 1: .* \(found"):
            function(labels, scores, tf.constant([wrong, 0.0, 0.0]))
        function(labels, scores, tf.constant([0.5, wrong, wrong]))  # of those that are not read
    quality = tf.constant([1.5, 0.0, 0.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be the IoU of their boxes"):
        MODES["graph"](function)(labels, scores, quality)
    assert np.isnan(MODES["xla"](function)(labels, scores, quality))
    # a network that has gone astray is a loss of NaN, which trainings know how to answer, and no fault of the data
    for mode in MODES.values():
        assert np.isnan(mode(function)(labels, scores, tf.constant([np.nan, 0.0, 0.0])))
        assert np.isnan(mode(function)(labels, tf.constant([0.5, np.nan, 0.0]), tf.constant([0.5, 0.0, 0.0])))


def test_targets_are_spread_over_the_classes_of_a_box():
    labels = np.array([[[0, 1], [1, 0]], [[-1, 0], [1, 1]]])
    quality = np.float32([[[0.1], [0.2]], [[0.3], [0.4]]])
    each, sound = check_quality(quality, np.zeros((2, 2, 2), np.float32), labels.reshape(-1) == 1)
    np.testing.assert_allclose(each, [0, 0.1, 0.2, 0, 0, 0, 0.4, 0.4])
    assert float(sound) == 1
