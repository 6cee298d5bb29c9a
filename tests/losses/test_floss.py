"""FLoss and Log-FLoss beside numbers worked out by hand from eq. 3-7, and their own promises."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.losses import FLoss, LogFLoss, floss, log_floss

MASK = [[[1, 1], [0, 0]]]
MAP = [[[0.8, 0.4], [0.3, 0.1]]]  # TP 1.2, FP 0.4, FN 0.8: precision 0.75, recall 0.6


def gradient_of(function, y_true, y_pred, **arguments):
    y_pred = tf.constant(y_pred, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        values = function(y_true, y_pred, **arguments)
    return values.numpy(), tape.gradient(values, y_pred).numpy()


@pytest.mark.parametrize(
    ("beta2", "f_measure"),
    [(0.3, 1.3 * 0.45 / (0.3 * 0.75 + 0.6)), (0.8, 0.675), (1.0, 2 / 3), (1e6, 0.6), (1e-6, 0.75)],
)
def test_value_by_precision_and_recall(beta2, f_measure):
    np.testing.assert_allclose(floss(MASK, MAP, beta2=beta2), [1 - f_measure], rtol=1e-5)
    np.testing.assert_allclose(log_floss(MASK, MAP, beta2=beta2), [-np.log(f_measure)], rtol=1e-5)


def test_gradient_of_equation_7_by_hand():
    # H = 0.3 · 2 + 1.6 = 2.2; (1 + β²) TP / H² = 1.56 / 4.84; (1 + β²) / H = 1.3 / 2.2
    background = 1.56 / 4.84
    expected = np.array([[[background - 1.3 / 2.2] * 2, [background] * 2]])
    _, gradient = gradient_of(floss, MASK, MAP)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
    _, gradient = gradient_of(log_floss, MASK, MAP)
    np.testing.assert_allclose(gradient, expected / (1.56 / 2.2), rtol=1e-6)


def test_logits_give_what_their_probabilities_give():
    probability = np.array(MAP)
    logits = np.log(probability / (1 - probability))
    for function in (floss, log_floss):
        values, gradient = gradient_of(function, MASK, MAP)
        other_values, other_gradient = gradient_of(function, MASK, logits, from_logits=True)
        np.testing.assert_allclose(other_values, values, rtol=1e-6)
        np.testing.assert_allclose(other_gradient, gradient * probability * (1 - probability), rtol=1e-6)


def test_the_f_measure_is_taken_per_image():
    masks, maps = np.array(MASK * 2), np.array([MAP[0], [[1.0, 1.0], [0.0, 0.0]]], np.float32)
    np.testing.assert_allclose(floss(masks, maps), [1 - 0.585 / 0.825, 0], atol=1e-6)
    np.testing.assert_allclose(FLoss()(masks, maps), (1 - 0.585 / 0.825) / 2, rtol=1e-6)


@pytest.mark.parametrize("from_logits", [False, True])
def test_an_empty_mask_by_the_paper(from_logits):
    empty, y_pred = np.zeros((1, 2, 2)), np.array([[[0.9, 0.2], [0.5, 0.0]]], np.float32)
    values, gradient = gradient_of(floss, empty, y_pred, from_logits=from_logits)
    assert values == 1
    assert (gradient == 0).all()
    assert floss(empty, np.zeros_like(y_pred)) == 1
    values, gradient = gradient_of(log_floss, empty, y_pred, from_logits=from_logits)
    assert values == 0
    assert (gradient == 0).all()


def test_an_empty_mask_suppressed():
    empty, y_pred = np.zeros((1, 2, 2)), np.array([[[0.9, 0.2], [0.5, 0.0]]], np.float32)
    values, gradient = gradient_of(floss, empty, y_pred, empty_target="suppress")
    np.testing.assert_allclose(values, [0.4])
    np.testing.assert_allclose(gradient, np.full((1, 2, 2), 0.25))
    values, gradient = gradient_of(log_floss, empty, y_pred, empty_target="suppress")
    np.testing.assert_allclose(values, [-np.log(0.6)], rtol=1e-6)
    np.testing.assert_allclose(gradient, np.full((1, 2, 2), 0.25 / 0.6), rtol=1e-6)
    for function in (floss, log_floss):
        assert function(empty, np.zeros_like(y_pred), empty_target="suppress") == 0
        np.testing.assert_allclose(
            function(MASK, MAP, empty_target="suppress"), function(MASK, MAP, empty_target="paper")
        )


@pytest.mark.parametrize("function", [floss, log_floss])
def test_suppressing_empties_a_map(function):
    logits = tf.Variable(np.random.default_rng(0).normal(1, 1, (1, 4, 4)).astype(np.float32))
    before = tf.sigmoid(logits).numpy()
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = function(np.zeros((1, 4, 4)), logits, from_logits=True, empty_target="suppress")
        logits.assign_sub(5 * tape.gradient(loss, logits))
    assert (tf.sigmoid(logits).numpy() < before).all()


def test_log_floss_learns_where_every_probability_underflows():
    mask = np.array([[[1, 1, 1, 0, 0]]])
    logits = np.array([[[-1e4, -1e4 + 1, -1e4 + 2, 0.0, -1e4]]], np.float32)
    values, gradient = gradient_of(log_floss, mask, logits, from_logits=True)
    shares = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    denominator = 0.3 * 3 + 0.5
    log_true_positives = -1e4 + np.log(np.exp([0, 1, 2]).sum())
    np.testing.assert_allclose(values, [np.log(denominator / 1.3) - log_true_positives], rtol=1e-6)
    np.testing.assert_allclose(gradient[0, 0], [*-shares, 0.25 / denominator, 0], rtol=1e-6)


def test_log_floss_of_probabilities_stays_finite():
    mask = np.array([[[1, 1, 0]]])
    values, gradient = gradient_of(log_floss, mask, np.zeros((1, 1, 3), np.float32))
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()
    assert (gradient[0, 0, :2] < 0).all()


def test_soft_labels_as_in_equation_3():
    labels, y_pred = np.array([[[0.5, 0.25, 0.0]]], np.float32), np.array([[[0.6, 0.4, 0.2]]], np.float32)
    true_positives, denominator = 0.3 + 0.1, 0.3 * 0.75 + 1.2
    expected = 1.3 * true_positives / denominator
    np.testing.assert_allclose(floss(labels, y_pred, soft_labels="paper"), [1 - expected], rtol=1e-6)
    logits = np.log(y_pred / (1 - y_pred))
    logarithm = log_floss(labels, logits, from_logits=True, soft_labels="paper")
    np.testing.assert_allclose(logarithm, [-np.log(expected)], rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_sums_over_a_large_image_keep_their_digits(jit_compile):
    rng = np.random.default_rng(1)
    masks, logits = (rng.random((1, 1024, 1024)) < 0.3).astype(np.uint8), rng.normal(0, 2, (1, 1024, 1024))
    for function in (floss, log_floss):
        step = tf.function(lambda y, z, f=function: f(y, z, from_logits=True), jit_compile=jit_compile)
        exact = function(masks, logits, from_logits=True).numpy()
        assert exact.dtype == np.float64
        np.testing.assert_allclose(step(masks, logits.astype(np.float32)), exact, rtol=1e-5)


def test_bad_hyperparameters_are_named():
    for make in (FLoss, LogFLoss, lambda **kw: floss(MASK, MAP, **kw), lambda **kw: log_floss(MASK, MAP, **kw)):
        with pytest.raises(ValueError, match="beta2 must be a number above 0, got 0"):
            make(beta2=0)
        with pytest.raises(ValueError, match="empty_target must be one of paper, suppress, got 'skip'"):
            make(empty_target="skip")
