"""Cross-entropy of anchors as a softmax with the background, beside NumPy; the other way is in its contract."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses.pixelwise.anchor_cross_entropy import anchor_cross_entropy, exclusive_log_odds

from .modes import MODES


def softmax(logits):
    """Shares of the background and of each class, float64 [..., 1 + C]."""
    whole = np.concatenate([np.zeros((*logits.shape[:-1], 1)), logits], axis=-1).astype(np.float64)
    powers = np.exp(whole - whole.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def batch():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2, 9, 3)).astype(np.float32)
    classes = rng.integers(-1, 3, (2, 9))
    labels = (classes[..., None] == np.arange(3)).astype(np.int8)
    labels[0, :2] = -1
    logits[0, 0] = [np.nan, np.inf, 1e30]
    labels[1, 3] = [0, -1, 0]
    return labels, logits


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_of_a_softmax_with_the_background(mode):
    labels, logits = batch()

    def value_and_gradient(labels, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = anchor_cross_entropy(labels, logits, exclusive=True)
        return value, tape.gradient(value, logits)

    function = value_and_gradient if mode == "eager" else MODES[mode](value_and_gradient)
    value, gradient = function(tf.constant(labels), tf.constant(logits))
    expected, slopes, counted = 0.0, np.zeros(logits.shape), 0
    for row in np.ndindex(2, 9):
        if (labels[row] < 0).any():
            continue
        shares, counted = softmax(logits[row]), counted + 1
        expected -= np.log(shares[0] if not labels[row].any() else shares[1 + labels[row].argmax()])
        slopes[row] = shares[1:] - labels[row]
    assert counted == 15
    assert float(value) == pytest.approx(expected / counted, rel=1e-5)
    np.testing.assert_allclose(gradient, slopes / counted, atol=1e-6)


def test_by_hand():
    # shares of 1/2 and 1/4 besides a quarter of background, and of one class alone
    logits = np.log([[2.0, 1.0], [2.0, 1.0]]).astype(np.float32)
    expected = (np.log(2) + np.log(4)) / 2
    assert float(anchor_cross_entropy([[1, 0], [0, 0]], logits, exclusive=True)) == pytest.approx(expected, rel=1e-6)
    one = np.float32([[0.3], [-2.0], [1.0]])
    labels = np.array([[1], [0], [-1]])
    alone, exclusive = (float(anchor_cross_entropy(labels, one, exclusive=each)) for each in (False, True))
    assert alone == exclusive == pytest.approx((np.log1p(np.exp(-0.3)) + np.log1p(np.exp(-2))) / 2, rel=1e-6)


@pytest.mark.parametrize("classes", [1, 2, 5])
@pytest.mark.parametrize("scale", [1, 30, 1e4])
def test_the_sigmoid_of_the_log_odds_is_the_share_of_the_softmax(classes, scale):
    logits = scale * np.random.default_rng(classes).normal(0, 1, (7, classes)).astype(np.float32)
    with tf.GradientTape() as tape:
        watched = tf.constant(logits)
        tape.watch(watched)
        found = exclusive_log_odds(watched)
    assert np.isfinite(found).all()
    assert np.isfinite(tape.gradient(found, watched)).all()
    np.testing.assert_allclose(tf.sigmoid(found), softmax(logits)[:, 1:], atol=1e-6)
    if scale == 1:
        shares = softmax(logits)[:, 1:]
        np.testing.assert_allclose(found, np.log(shares / (1 - shares)), rtol=1e-4, atol=1e-5)


def test_what_it_refuses():
    scores = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match="one positive at most where classes are exclusive"):
        anchor_cross_entropy([[1, 1, 0], [0, 0, 0]], scores, exclusive=True)
    with pytest.raises(ValueError, match="exclusive must be True or False, got 'yes'"):
        losses.get("anchor_cross_entropy", exclusive="yes")
    with pytest.raises(ValueError, match="a last axis of classes where exclusive is set"):
        anchor_cross_entropy(1, 0.5, exclusive=True)
