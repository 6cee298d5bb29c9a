"""Lovász-Softmax and the Lovász hinge: what the paper says of them, bins beside sorting, and numbers by hand."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit import losses
from metricfit.losses import lovasz_hinge, lovasz_softmax

from ..reference.segmentation_losses import jaccard_loss, largest_over_all_orders, lovasz_extension, softmax


def value_and_gradient(function, y_true, y_pred, **arguments):
    y_pred = tf.convert_to_tensor(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = function(y_true, y_pred, **arguments)
    return np.array(value), np.array(tape.gradient(value, y_pred))


def pixels(values):
    """A picture of one row."""
    return np.array(values)[np.newaxis, np.newaxis]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(-3, 3)), min_size=1, max_size=5))
def test_any_few_pixels_are_the_largest_sum_over_all_orders(drawn):
    foreground, scores = (pixels(part) for part in zip(*drawn))
    errors = np.maximum(1 - np.where(foreground, scores, -scores), 0)
    expected = largest_over_all_orders(errors[0, 0], foreground[0, 0])
    np.testing.assert_allclose(lovasz_hinge(foreground, scores, method="exact"), [expected], rtol=1e-9, atol=1e-12)
    probability = 1 / (1 + np.exp(-scores))
    errors = np.where(foreground, 1 - probability, probability)
    expected = largest_over_all_orders(errors[0, 0], foreground[0, 0])
    value = lovasz_softmax(foreground, scores, from_logits=True, classes="all", method="exact")
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["exact", "binned"])
def test_of_hard_predictions_it_is_the_jaccard_loss(method):
    rng = np.random.default_rng(0)
    y_true, predicted = rng.integers(0, 3, (2, 1, 8, 9))
    value = lovasz_softmax(y_true, np.eye(3, dtype=np.float32)[predicted], method=method)
    expected = [jaccard_loss(((y_true == c) ^ (predicted == c)).ravel(), (y_true == c).ravel()) for c in range(3)]
    np.testing.assert_allclose(value, np.mean(expected), rtol=1e-6)


@pytest.mark.parametrize("method", ["exact", "binned"])
def test_the_hinge_of_one_pixel_is_the_standard_hinge(method):
    for score in (-2.5, 0.0, 0.4, 1.0, 3.0):
        for label, sign in ((1, 1), (0, -1)):
            value, gradient = value_and_gradient(lovasz_hinge, [[[label]]], [[[score]]], method=method)
            np.testing.assert_allclose(value, [max(1 - sign * score, 0)], rtol=1e-6)
            assert gradient.item() == (-sign if sign * score < 1 else 0)


def test_by_hand():
    # class 1: errors .6 (foreground), .5, .2 (foreground); Jaccard losses 1/2, 2/3, 1
    y_true, probability = pixels([1, 0, 1]), pixels([0.4, 0.5, 0.8])
    value = lovasz_softmax(y_true, probability, method="exact")
    np.testing.assert_allclose(value, 0.6 / 2 + 0.5 / 6 + 0.2 / 3, rtol=1e-6)
    _, gradient = value_and_gradient(lovasz_softmax, y_true, probability, method="exact")
    np.testing.assert_allclose(gradient[0, 0], [-1 / 2, 1 / 6, -1 / 3], rtol=1e-6)


@pytest.mark.parametrize("method", ["exact", "binned"])
def test_an_absent_class_counts_its_largest_error(method):
    y_true = pixels([0, 0, 2, 255])
    probability = np.array([[[[0.7, 0.25, 0.05], [0.3, 0.2501, 0.4499], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]]]], np.float32)
    arguments = {"classes": [1], "ignore_label": 255, "method": method, "bins": 8}
    value, gradient = value_and_gradient(lovasz_softmax, y_true, probability, **arguments)
    np.testing.assert_allclose(value, 0.2501, rtol=1e-6)
    expected = np.zeros((4, 3))
    expected[1, 1] = 1
    np.testing.assert_allclose(gradient[0, 0], expected)
    assert lovasz_softmax(y_true, probability, **{**arguments, "classes": "present"}).numpy() > 0
    everything = lovasz_softmax(y_true, probability, **{**arguments, "classes": "all", "method": "exact"})
    parts = [lovasz_softmax(y_true, probability, **{**arguments, "classes": [c], "method": "exact"}) for c in range(3)]
    np.testing.assert_allclose(everything, np.mean(parts), rtol=1e-6)


def test_equal_largest_errors_of_an_absent_class_share():
    value, gradient = value_and_gradient(lovasz_hinge, pixels([0, 0, 0]), pixels([2.0, 1.0, 2.0]))
    np.testing.assert_allclose(value, [3])
    np.testing.assert_allclose(gradient[0, 0], [0.5, 0, 0.5])


def test_a_label_of_no_class_is_refused_and_counts_for_no_class_where_it_is_ignored():
    y_true, probability = pixels([0, 1, 7]), softmax(np.random.default_rng(0).normal(size=(1, 1, 3, 2)))
    with pytest.raises(ValueError, match=r"the whole numbers of 2 classes, 0 to 1: .* ignore_label \(found 0 to 7\)"):
        lovasz_softmax(y_true, probability, method="exact")
    counted = probability[0, 0, :2]
    both = [
        lovasz_extension(np.where(y_true[0, 0, :2] == c, 1 - counted[:, c], counted[:, c]), y_true[0, 0, :2] == c)
        for c in range(2)
    ]
    value = lovasz_softmax(y_true, probability, method="exact", ignore_label=7)
    np.testing.assert_allclose(value, np.mean([value for value, _ in both]), rtol=1e-9)


def test_weights_of_a_large_picture_are_right_in_every_digit():
    # differencing the Jaccard loss in float32 would lose half a percent and give weights of 0
    rng = np.random.default_rng(0)
    y_true, probability = rng.random((1, 256, 256)) < 0.3, rng.random((1, 256, 256)).astype(np.float32)
    _, gradient = value_and_gradient(lovasz_softmax, y_true, probability, method="exact")
    order = np.argsort(-np.where(y_true, 1 - probability, probability).ravel(), kind="stable")
    foreground = y_true.ravel()[order].astype(np.float64)
    positives = foreground.sum()
    losses_after = 1 - (positives - foreground.cumsum()) / (positives + (1 - foreground).cumsum())
    expected = np.diff(losses_after, prepend=0) * (1 - 2 * foreground)
    weights = gradient.ravel()[order]
    assert (weights != 0).sum() == len(weights) - (foreground[::-1] == 0).argmin()
    np.testing.assert_allclose(weights, expected, rtol=3e-7, atol=1e-15)


def bound(errors, foreground, place, bins):
    """Σ ΔJ (largest − smallest error) over the bins of one class: how far from the exact loss the binned one may be."""
    bin_of = np.minimum((place * bins).astype(int), bins - 1)
    total, mispredicted = 0.0, np.zeros(len(errors), bool)
    for index in sorted(set(bin_of), reverse=True):
        inside = bin_of == index
        before = jaccard_loss(mispredicted, foreground)
        mispredicted |= inside
        total += (jaccard_loss(mispredicted, foreground) - before) * np.ptp(errors[inside])
    return total


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 200), st.sampled_from([1, 2, 7, 64]), st.floats(0.01, 0.99))
def test_bins_are_within_their_bound(seed, count, bins, share):
    rng = np.random.default_rng(seed)
    foreground, scores = rng.random(count) < share, rng.normal(0, 3, count)
    for function, arguments in ((lovasz_softmax, {"from_logits": True, "classes": "all"}), (lovasz_hinge, {})):
        exact, binned = (
            float(np.squeeze(function(pixels(foreground), pixels(scores), **arguments, **way)))
            for way in ({"method": "exact"}, {"method": "binned", "bins": bins})
        )
        if function is lovasz_softmax:
            p = 1 / (1 + np.exp(-scores))
            errors = place = np.where(foreground, 1 - p, p)
            widest = 1 / bins
        else:
            errors = np.maximum(1 - np.where(foreground, scores, -scores), 0)
            place = np.log1p(errors) / max(np.log1p(errors).max(), 1e-300)
            widest = ((1 + errors.max()) ** (1 / bins) - 1) * (1 + exact)
        if foreground.any():
            assert abs(binned - exact) <= bound(errors, foreground, place, bins) + 1e-12
        else:
            assert binned == pytest.approx(exact, abs=1e-12)
        assert abs(binned - exact) <= widest + 1e-12


@pytest.mark.parametrize(("share", "bins"), [(0.3, 1024), (0.05, 1024), (0.01, 1024), (0.001, 4096)])
@pytest.mark.parametrize("spread", [2, 15], ids=["usual", "saturated"])
def test_bins_agree_with_sorting(share, bins, spread):
    rng = np.random.default_rng(0)
    y_true = rng.choice(3, (1, 256, 512), p=[1 - 2 * share, share, share])
    right = rng.random(y_true.shape) < 0.9
    logits = rng.normal(0, spread / 3, (*y_true.shape, 3)) + spread * (np.eye(3)[y_true] * right[..., None])
    logits = logits.astype(np.float32)
    (exact, gradient), (binned, other) = (
        value_and_gradient(lovasz_softmax, y_true, logits, from_logits=True, **way)
        for way in ({"method": "exact"}, {"method": "binned", "bins": bins})
    )
    assert abs(binned - exact) < 2e-4
    gradient, other = gradient.ravel().astype(np.float64), other.ravel().astype(np.float64)
    assert gradient @ other / np.linalg.norm(gradient) / np.linalg.norm(other) > 0.999


def average_of_orders(errors, foreground, rng, orders=20):
    """The weights of eq. 9 where equal errors come in any order: the mean over some, and over the pixels of a kind."""
    total = np.zeros(len(errors))
    for _ in range(orders):
        shuffled = rng.permutation(len(errors))
        order = shuffled[np.argsort(-errors[shuffled], kind="stable")]
        wrong_foreground, wrong_background = foreground[order].cumsum(), (~foreground[order]).cumsum()
        jaccard = 1 - (foreground.sum() - wrong_foreground) / (foreground.sum() + wrong_background)
        total[order] += np.diff(jaccard, prepend=0) / orders
    _, kind = np.unique(np.stack([errors, foreground]), axis=1, return_inverse=True)
    kind = kind.ravel()
    return (np.bincount(kind, total) / np.bincount(kind))[kind]


@pytest.mark.parametrize(("share", "bins"), [(0.3, 1024), (0.05, 1024), (0.01, 1024), (0.001, 4096)])
def test_bins_agree_with_the_average_over_orders_of_equal_errors(share, bins):
    rng = np.random.default_rng(0)
    y_true = rng.choice(3, (1, 128, 256), p=[1 - 2 * share, share, share])
    seen = np.where(rng.random(y_true.shape) < 0.9, y_true, rng.integers(0, 3, y_true.shape))
    logits = np.clip(30 * (np.eye(3)[seen] - 0.5) + rng.normal(0, 15, (*y_true.shape, 3)), -15, 15).astype(np.float32)
    _, gradient = value_and_gradient(lovasz_softmax, y_true, logits, from_logits=True, bins=bins)
    p, labels = tf.nn.softmax(logits).numpy().reshape(-1, 3).astype(np.float64), y_true.ravel()
    slope = np.zeros_like(p)
    for c in range(3):
        foreground = labels == c
        weights = average_of_orders(np.where(foreground, 1 - p[:, c], p[:, c]), foreground, rng)
        slope[:, c] = np.where(foreground, -weights, weights) / 3
    expected = (p * (slope - (slope * p).sum(axis=-1, keepdims=True))).ravel()
    gradient = gradient.ravel().astype(np.float64)
    assert gradient @ expected / np.linalg.norm(gradient) / np.linalg.norm(expected) > 0.999


def test_the_graph_does_not_grow_with_the_classes():
    def size(classes, method):
        step = lambda y, p: lovasz_softmax(y, p, from_logits=True, method=method)  # noqa: E731
        arguments = tf.TensorSpec([2, 4, 4], tf.int32), tf.TensorSpec([2, 4, 4, classes], tf.float32)
        return len(tf.function(step, autograph=False).get_concrete_function(*arguments).graph.get_operations())

    assert all(size(3, method) == size(30, method) for method in ("exact", "binned"))


def test_hyperparameters_are_refused_in_a_sentence():
    y_true, maps = np.zeros((1, 2, 2), np.int32), np.full((1, 2, 2, 3), 1 / 3, np.float32)
    for name in ("lovasz_softmax", "lovasz_hinge"):
        function = losses.LOSSES[name].function
        with pytest.raises(ValueError, match=r"classes must be present, all or a list of class numbers, got 'some'"):
            losses.get(name, classes="some")
        with pytest.raises(ValueError, match=r"classes must be .* below 3, got \[0, 3\]"):
            function(y_true, maps, classes=[0, 3])
        with pytest.raises(ValueError, match="method must be one of exact, binned, got 'quick'"):
            losses.get(name, method="quick")
        with pytest.raises(ValueError, match="bins must be a whole number above 0, got 0"):
            losses.get(name, bins=0)


def test_it_is_a_saliency_loss_too():
    loss = losses.get("lovasz_hinge", from_logits=True, ignore_label=255)
    masks = np.array([[[1, 0], [255, 0]], [[0, 0], [0, 0]]], np.uint8)
    logits = np.array([[[0.5, -2.0], [9.0, 0.0]], [[-3.0, -2.0], [-1.5, -0.5]]], np.float32)
    # errors 1 (background), 0.5 (foreground), 0: Jaccard losses 1/2, 1. Without foreground the largest error, 0.5
    np.testing.assert_allclose(loss(masks, logits), (1 / 2 + 0.5 / 2 + 0.5) / 2, rtol=1e-6)
    np.testing.assert_allclose(loss(masks[..., None], logits[..., None]), loss(masks, logits))


def test_pixels_of_a_bin_get_the_derivative_in_its_middle():
    labels, maps = [[[1, 1, 0, 0, 0]]], tf.constant([[[0.6, 0.7, 0.2, 0.3, 0.4]]])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = lovasz_softmax(labels, maps, bins=1)
    # J grows by 1 over 2 foreground and 3 background pixels, which weigh 1 to (2 - 1) / (2 + 1.5)
    foreground = 1 / (2 + 3 / 3.5)
    expected = [-foreground] * 2 + [foreground / 3.5] * 3
    np.testing.assert_allclose(tape.gradient(value, maps)[0, 0], expected, rtol=1e-6)
