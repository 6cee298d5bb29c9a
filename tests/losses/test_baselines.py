"""The baselines beside Keras' own and numbers worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.losses import CrossEntropy, balanced_cross_entropy, cross_entropy, soft_iou

MASK = [[[1, 0], [0, 0]]]
MAP = [[[0.8, 0.5], [0.1, 0.0]]]


@pytest.mark.parametrize("from_logits", [False, True])
def test_cross_entropy_is_keras_own(from_logits):
    rng = np.random.default_rng(0)
    y_true = (rng.random((3, 5, 4)) < 0.4).astype(np.float32)
    y_pred = rng.normal(0, 5, y_true.shape) if from_logits else rng.random(y_true.shape)
    y_pred = tf.constant(y_pred, tf.float32)
    results = []
    for loss in (CrossEntropy(from_logits=from_logits), keras.losses.BinaryCrossentropy(from_logits=from_logits)):
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, y_pred)
        results.append((value.numpy(), tape.gradient(value, y_pred).numpy()))
    (value, gradient), (keras_value, keras_gradient) = results
    np.testing.assert_allclose(value, keras_value, rtol=1e-6)
    np.testing.assert_allclose(gradient, keras_gradient, rtol=2e-5, atol=1e-8)


def test_balanced_weights_are_those_of_the_minibatch():
    # 2 of 8 pixels are positive in the first minibatch: w1 = 0.75, w0 = 0.25
    masks = np.array([MASK[0], [[0, 1], [0, 0]]])
    maps = np.full((2, 2, 2), 0.5, np.float32)
    expected = np.log(2) * (0.75 + 3 * 0.25) / 4
    np.testing.assert_allclose(balanced_cross_entropy(masks, maps), [expected] * 2, rtol=1e-6)
    # 5 of 8: w1 = 0.375, w0 = 0.625, for both images
    masks = np.array([MASK[0], [[1, 1], [1, 1]]])
    expected = np.log(2) * np.array([0.375 + 3 * 0.625, 4 * 0.375]) / 4
    np.testing.assert_allclose(balanced_cross_entropy(masks, maps), expected, rtol=1e-6)


def test_balanced_weights_leave_out_ignored_pixels():
    masks = np.array([[[1, 0], [0, 255]]])
    expected = np.log(2) * (2 / 3 + 2 * 1 / 3) / 3
    value = balanced_cross_entropy(masks, np.full((1, 2, 2), 0.5, np.float32), ignore_label=255)
    np.testing.assert_allclose(value, [expected], rtol=1e-6)


def test_a_minibatch_of_one_class_has_no_balance():
    for masks in (np.zeros((2, 2, 2)), np.ones((2, 2, 2))):
        assert (balanced_cross_entropy(masks, np.full((2, 2, 2), 0.3, np.float32)).numpy() == 0).all()


def test_soft_iou_by_hand():
    # I = 0.8, U = 1.4 + 1 − 0.8
    np.testing.assert_allclose(soft_iou(MASK, MAP), [1 - 0.8 / 1.6], rtol=1e-6)
    np.testing.assert_allclose(soft_iou([[[0, 0]]], [[[0.5, 0.7]]]), [1])
    np.testing.assert_allclose(soft_iou([[[0, 0]]], [[[0.5, 0.7]]], empty_target="suppress"), [0.6])


def test_cross_entropy_averages_over_the_pixels_that_count():
    masks = np.array([[[1, 0], [255, 255]]])
    expected = -(np.log(0.8) + np.log(0.5)) / 2
    np.testing.assert_allclose(cross_entropy(masks, MAP, ignore_label=255), [expected], rtol=1e-6)
