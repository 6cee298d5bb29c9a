"""Aligned IoU and GIoU, the errors made of them, and smooth L1."""

import inspect

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit import losses

PAIRS = [  # box, other, IoU, GIoU, by hand
    ((0, 0, 2, 2), (0, 0, 2, 2), 1, 1),
    ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3, 1 / 3),
    ((0, 0, 4, 4), (1, 1, 2, 3), 2 / 16, 2 / 16),
    ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7, 1 / 7 - 2 / 9),
    ((0, 0, 1, 1), (1, 0, 2, 1), 0, 0),
    ((0, 0, 1, 1), (3, 0, 4, 1), 0, -2 / 4),
    ((0, 0, 1, 1), (3, 3, 4, 4), 0, -14 / 16),
    ((5, 5, 5, 5), (0, 0, 2, 2), 0, -21 / 25),
    ((2, 2, 1, 1), (0, 0, 2, 2), 0, 0),
    ((3, 3, 3, 3), (3, 3, 3, 3), 0, 0),
]


@pytest.mark.parametrize(("box", "other", "iou", "giou"), PAIRS)
def test_pairs_by_hand(box, other, iou, giou):
    for left, right in ((box, other), (other, box)):
        left, right = np.float32(left), np.float32(right)
        np.testing.assert_allclose(losses.aligned_iou(left, right), iou, rtol=1e-6)
        np.testing.assert_allclose(losses.aligned_giou(left, right), giou, rtol=1e-6)


def test_boxes_stand_one_against_one():
    boxes, other = (np.float32([pair[side] for pair in PAIRS]).reshape(2, 5, 4) for side in (0, 1))
    assert losses.aligned_iou(boxes, other).shape == (2, 5)
    np.testing.assert_allclose(np.ravel(losses.aligned_iou(boxes, other)), [pair[2] for pair in PAIRS], atol=1e-6)
    np.testing.assert_allclose(np.ravel(losses.aligned_giou(boxes, other)), [pair[3] for pair in PAIRS], atol=1e-6)


@st.composite
def whole_boxes(draw):
    """Boxes of whole pixels within 12 x 12, empty ones among them."""
    xs, ys = (sorted(draw(st.lists(st.integers(0, 12), min_size=2, max_size=2))) for _ in range(2))
    return xs[0], ys[0], xs[1], ys[1]


@settings(max_examples=100, deadline=None)
@given(whole_boxes(), whole_boxes())
def test_iou_counts_pixels(box, other):
    masks = np.zeros((3, 12, 12), bool)
    hull = (*np.minimum(box[:2], other[:2]), *np.maximum(box[2:], other[2:]))
    for mask, (x0, y0, x1, y1) in zip(masks, (box, other, hull)):
        mask[y0:y1, x0:x1] = True
    union, around = masks[:2].any(0).sum(), masks[2].sum()
    iou = masks[:2].all(0).sum() / union if union else 0.0
    np.testing.assert_allclose(losses.aligned_iou(np.float32(box), np.float32(other)), iou, atol=1e-6)
    giou = iou - (around - union) / around if around else 0.0
    np.testing.assert_allclose(losses.aligned_giou(np.float32(box), np.float32(other)), giou, atol=1e-6)


def gradients(function, *arrays):
    tensors = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = tf.reduce_sum(function(*tensors))
    return [gradient.numpy() for gradient in tape.gradient(total, tensors)]


@pytest.mark.parametrize("function", [losses.aligned_iou, losses.aligned_giou, losses.smooth_l1])
def test_gradients_are_the_derivatives(function):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 5, (2, 30, 2))
    boxes, other = np.concatenate([corners, corners + rng.uniform(0.5, 6, (2, 30, 2))], axis=-1)
    for index, gradient in enumerate(gradients(function, boxes, other)):
        for coordinate in range(4):
            moved = np.zeros((2, *boxes.shape))
            moved[index, :, coordinate] = 1e-6
            above, below = (function(boxes + sign * moved[0], other + sign * moved[1]).numpy() for sign in (1, -1))
            np.testing.assert_allclose(gradient[:, coordinate], (above - below) / 2e-6, atol=1e-7)


@pytest.mark.parametrize("function", [losses.aligned_iou, losses.aligned_giou])
def test_nothing_is_nan(function):
    odd = np.float32(
        [(0, 0, 0, 0), (1, 1, 0, 0), (1e6, 1e6, 1e6, 1e6), (0, 0, 1e9, 1e9), (-1, -1, -1, -1), (0, 0, 1e-30, 1)]
    )
    boxes, other = (array.reshape(-1, 4) for array in np.broadcast_arrays(odd[:, None], odd[None]))
    assert np.isfinite(function(boxes, other)).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients(function, boxes, other))


def test_boxes_that_do_not_touch_are_pulled_together_by_giou_alone():
    box, other = np.float32([[0, 0, 1, 1]]), np.float32([[3, 0, 4, 1]])
    assert not gradients(losses.aligned_iou, box, other)[0].any()
    assert gradients(losses.aligned_giou, box, other)[0][0, 2] > 0


def test_errors_of_the_paper():
    np.testing.assert_allclose(losses.iou_error(np.float32([1, 0.95, 0.5, 0])), [0, 0.1, 1, 2], atol=1e-6)
    np.testing.assert_allclose(losses.iou_error(np.float32([0.8, 0.4]), tau=0.6), [0.5, 1.5], atol=1e-6)
    np.testing.assert_allclose(losses.giou_error(np.float32([1, 0, -1])), [0, 1, 2], atol=1e-6)
    np.testing.assert_allclose(losses.giou_error(np.float32([1, -0.5, -1]), clip_error=True), [0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(losses.iou_error(np.float32([0.5, 0.2]), clip_error=True), [1, 1], atol=1e-6)
    (clipped,) = gradients(lambda iou: losses.iou_error(iou, clip_error=True), np.float32([0.9, 0.2]))
    np.testing.assert_allclose(clipped, [-2, 0])


def test_smooth_l1_by_hand():
    truth, guess = np.zeros((2, 4), np.float32), np.float32([[0.5, -0.5, 0, 0], [3, -2, 1, 0]])
    np.testing.assert_allclose(losses.smooth_l1(truth, guess), [0.25, 2.5 + 1.5 + 0.5], rtol=1e-6)
    # with beta 1/9: 0.5 · 9 d² below, d − 1/18 above
    np.testing.assert_allclose(losses.smooth_l1(truth[:1], guess[:1], beta=1 / 9), [2 * (0.5 - 1 / 18)], rtol=1e-6)
    np.testing.assert_allclose(losses.smooth_l1(truth[:1], guess[:1] / 10, beta=1 / 9), [9 * 0.05**2], rtol=1e-6)


def test_half_precision_is_computed_in_float32():
    box, other = tf.constant([[0, 0, 300, 300]], tf.bfloat16), tf.constant([[0, 0, 300, 150]], tf.bfloat16)
    iou = losses.aligned_iou(box, other)
    assert iou.dtype == tf.float32
    np.testing.assert_allclose(iou, [float(other[0, 3]) / float(box[0, 3])], rtol=1e-6)
    assert losses.smooth_l1(np.zeros((1, 4)), np.ones((1, 4))).dtype == tf.float64


def test_bad_arguments_are_named():
    box = np.zeros((3, 4), np.float32)
    with pytest.raises(ValueError, match=r"boxes must have shape \[..., 4\], got \(3, 5\)"):
        losses.aligned_iou(np.zeros((3, 5), np.float32), box)
    with pytest.raises(ValueError, match=r"other must have the shape of boxes, \(3, 4\), got \(2, 4\)"):
        losses.aligned_giou(box, box[:2])
    with pytest.raises(ValueError, match=r"y_pred must have the shape of y_true, \(3, 4\), got \(1, 3, 4\)"):
        losses.smooth_l1(box, box[None])
    with pytest.raises(TypeError, match=r"other must be float16, .* got int64"):
        losses.aligned_iou(box, np.zeros((3, 4), np.int64))
    with pytest.raises(ValueError, match="beta must be a number above 0, got 0"):
        losses.smooth_l1(box, box, beta=0)
    for function in (losses.iou_error, losses.giou_error):
        with pytest.raises(ValueError, match="tau must be a number of at least 0 and below 1, got 1"):
            function(box[:, 0], tau=1)


def test_every_function_says_what_it_takes():
    for function in (losses.aligned_iou, losses.aligned_giou, losses.iou_error, losses.giou_error, losses.smooth_l1):
        for section in ("Gradient:", "Args:", "Returns:", "Raises:"):
            assert section in inspect.getdoc(function)
