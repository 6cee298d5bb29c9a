"""Labels between 0 and 1: the smallest loss lies where the prediction is the label, and 0 and 1 stay what they were."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit import losses

from ..reference.saliency_losses import reference, sigmoid
from ..reference.segmentation_losses import reference as reference_of_numbers
from ..reference.segmentation_losses import softmax
from .modes import MODES, assert_close
from .test_contract_saliency import SOFT, run

SHAPE = (3, 5, 6)
RIGHT = [(name, form) for name, usual in SOFT.items() if usual for form in ("dot", "min")]
FORMS = [*RIGHT, *((name, "paper") for name, usual in SOFT.items() if usual == "dot")]
PROPER = [(name, form) for name, form in RIGHT if name != "unified_focal"]
"""Those of which the smallest loss is exactly at p = y."""

each_form = pytest.mark.parametrize(("name", "form"), FORMS)
both_kinds = pytest.mark.parametrize("from_logits", [False, True], ids=["probabilities", "logits"])


def batch(seed=0):
    """Shares, some of them 0 and 1 and some met exactly, an image of 0 and 1 alone, and one that is empty."""
    rng = np.random.default_rng(seed)
    y_true = rng.random(SHAPE).round(2)
    y_true[0, 0], y_true[0, 1], y_true[1], y_true[2] = 0, 1, y_true[1] < 0.4, 0
    logits = rng.normal(0, 2, SHAPE)
    logits[0, 2, :3], y_true[0, 2, :3] = 0, 0.5
    return y_true, logits


@each_form
@both_kinds
def test_value_and_gradient_against_the_reference(name, form, from_logits):
    y_true, logits = batch()
    y_pred = logits if from_logits else sigmoid(logits)
    weight = np.random.default_rng(1).random(SHAPE).round(1)
    known = "empty_target" in losses.LOSSES[name].hyperparameters
    for extra in [{"empty_target": "paper"}, {"empty_target": "suppress"}] if known else [{}]:
        arguments = {"from_logits": from_logits, "soft_labels": form, "sample_weight": weight, **extra}
        values, gradient = run(name, y_true, y_pred, **arguments)
        expected_values, expected_gradient = reference(name, y_true, y_pred, **arguments)
        assert_close(values, expected_values, 1e-12)
        assert_close(gradient, expected_gradient, 1e-12)


@pytest.mark.parametrize(
    ("name", "form", "mode", "from_logits"),
    [
        ("floss", "dot", "xla", False),
        ("log_floss", "dot", "xla", True),
        *((name, form, "graph", True) for name in ("floss", "log_floss") for form in ("dot", "min")),
    ],
)
def test_every_mode(name, form, mode, from_logits):
    y_true, logits = batch()
    y_pred = logits if from_logits else sigmoid(logits)
    values, gradient = run(name, y_true, y_pred, mode, from_logits=from_logits, soft_labels=form)
    expected_values, expected_gradient = run(name, y_true, y_pred, from_logits=from_logits, soft_labels=form)
    assert_close(values, expected_values, 1e-12)
    assert_close(gradient, expected_gradient, 1e-12)


@pytest.mark.parametrize(("name", "form"), [*PROPER, ("lovasz_softmax", "exact"), ("lovasz_softmax", "binned")])
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_prediction_is_better_than_the_label(name, form, data):
    pixels = data.draw(st.integers(1, 6))
    shares = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.001, 0.999))
    y_true = np.array(data.draw(st.lists(shares, min_size=pixels, max_size=pixels)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    if not y_true.any():
        y_true[0] = 1
    # anywhere, and near
    near = np.clip(y_true + rng.normal(0, 1, (16, pixels)) * 10.0 ** rng.integers(-6, 0, (16, 1)), 0, 1)
    y_pred = np.stack([y_true, *rng.random((16, pixels)), *near, 0 * y_true, 0 * y_true + 1])[:, np.newaxis]
    labels = np.broadcast_to(y_true, y_pred.shape)
    arguments = {"method": form, "per_image": True} if name == "lovasz_softmax" else {"soft_labels": form}
    values = losses.LOSSES[name].function(labels, y_pred, **arguments).numpy()
    assert (values[1:] >= values[0] - 1e-12).all()
    assert values[0] == pytest.approx(0, abs=1e-12) or name == "structure"
    elsewhere = np.abs(y_pred[:, 0] - y_true).max(axis=-1) > 1e-3
    if name not in ("structure", "lovasz_softmax"):
        assert (values[elsewhere] > values[0]).all()


@pytest.mark.parametrize("name", [name for name, usual in SOFT.items() if usual])
@both_kinds
def test_every_form_is_the_same_of_0_and_1(name, from_logits):
    y_true, logits = batch()
    # floats, so that nobody knows before, and predictions that are 0 and 1 or lie beyond
    y_true = np.round(y_true)
    logits[1, 0], logits[1, 1] = 1e4, -1e4
    y_pred = logits if from_logits else sigmoid(logits)
    if not from_logits:
        y_pred[1, 2] += 1e-3 * (2 * y_true[1, 2] - 1) + (y_true[1, 2] - y_pred[1, 2])
    others = [form for form in ("dot", "min", "paper") if (name, form) in FORMS]
    expected_values, expected_gradient = run(name, y_true.astype(int), y_pred, from_logits=from_logits)
    modes = ("eager", "graph", "xla") if name in ("floss", "log_floss") and from_logits else ("eager",)
    for mode in modes:
        for form in others if mode == "eager" else others[:1]:
            values, gradient = run(name, y_true, y_pred, mode, from_logits=from_logits, soft_labels=form)
            tolerance = 1e-3 if not from_logits else 1e-9
            assert_close(values, expected_values, tolerance)
            assert_close(gradient, expected_gradient, 4e-3 if not from_logits else 1e-9)


def test_the_papers_form_draws_one_half_to_one():
    halves, rising = np.full((5, 1, 1), 0.5), np.array([0.25, 0.45, 0.5, 0.55, 1]).reshape(5, 1, 1)
    for name in ("floss", "soft_iou", "dice"):
        function = losses.LOSSES[name].function
        assert function(halves, rising, soft_labels="paper").numpy().argmin() == 4
        for form in ("dot", "min"):
            assert function(halves, rising, soft_labels=form).numpy().argmin() == 2


def test_by_hand():
    labels, maps = [[[0.5, 0.25, 1.0]]], [[[0.75, 0.125, 1.0]]]
    # FP .25, FN .125; Σ p y = .375 + .03125 + 1, Σ min = .5 + .125 + 1
    for form, right in (("dot", 1.40625), ("min", 1.625)):
        wrong = {"floss": 0.25 + 0.3 * 0.125, "soft_iou": 0.375, "dice": 0.375, "tversky": 0.3 * 0.25 + 0.7 * 0.125}
        times = {"floss": 1.3, "soft_iou": 1, "dice": 2, "tversky": 1}
        for name, amiss in wrong.items():
            expected = amiss / (times[name] * right + amiss)
            np.testing.assert_allclose(losses.LOSSES[name].function(labels, maps, soft_labels=form), [expected], 1e-6)
    np.testing.assert_allclose(losses.jaccard_metric(labels, maps), losses.soft_iou(labels, maps, soft_labels="min"))
    np.testing.assert_allclose(losses.dice_semimetric(labels, maps), losses.dice(labels, maps, soft_labels="min"))


def test_a_single_share_among_many_pixels_is_seen_in_a_graph():
    y_true = np.zeros((1, 512, 512), np.float32)
    y_true[0, :16], y_true[0, -1, -1] = 1, 0.5
    y_pred = np.where(y_true == 0.5, 0.75, 0.9 * y_true)
    step = MODES["graph"](lambda y_true, y_pred: losses.floss(y_true, y_pred))
    with tf.GradientTape() as tape:
        maps = tf.constant(y_pred)
        tape.watch(maps)
        values = step(tf.constant(y_true), maps)
    gradient = tape.gradient(values, maps).numpy()[0]
    assert gradient[-1, -1] > 0 > gradient[0, 0]


def test_labels_that_are_whole_are_not_looked_at():
    def operations(dtype):
        specs = tf.TensorSpec([2, 8, 8], dtype), tf.TensorSpec([2, 8, 8], tf.float32)
        step = tf.function(lambda y_true, y_pred: losses.floss(y_true, y_pred), autograph=False)
        return {each.type for each in step.get_concrete_function(*specs).graph.get_operations()}

    assert {"If", "StatelessIf"} & operations(tf.float32)
    assert not {"If", "StatelessIf"} & operations(tf.uint8)


def test_forms_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="soft_labels must be one of dot, min, paper, got 'product'"):
        losses.get("floss", soft_labels="product")
    for make in (lambda: losses.get("jaccard_metric", soft_labels="paper"),
                 lambda: losses.jaccard_metric([[[1]]], [[[0.5]]], soft_labels="paper")):  # fmt: skip
        with pytest.raises(ValueError, match="soft_labels must be one of min, dot, got 'paper'"):
            make()


def test_a_loss_saved_before_there_were_forms_is_loaded():
    config = {"name": "floss", "reduction": "sum", "beta2": 0.8, "from_logits": True, "ignore_label": None,
              "empty_target": "paper"}  # fmt: skip
    loss = losses.FLoss.from_config(config)
    assert loss.get_config() == {**config, "soft_labels": "dot"}


def soft_lovasz(y, p):
    """The Lovász extension of a class with shares y, and its derivative by p: what J grows by, pixel after pixel."""
    weights, taken, others, before = np.zeros_like(p), 0.0, 0.0, 0.0
    for pixel in np.argsort(-np.abs(y - p), kind="stable"):
        taken, others = taken + y[pixel], others + 1 - y[pixel]
        after = 1 - (y.sum() - taken) / (y.sum() + others) if y.sum() + others else 0.0
        weights[pixel], before = after - before, after
    return (weights * np.abs(y - p)).sum(), weights * np.sign(p - y)


def shares_of_classes(kind, seed=0):
    """Shares [2, 4, 5, 3], and logits; of an axis of classes that exclude each other they add up to 1."""
    rng = np.random.default_rng(seed)
    y_true, logits = rng.random((2, 4, 5, 3)), rng.normal(0, 2, (2, 4, 5, 3))
    y_true[0, 0], y_true[0, 1], y_true[..., 2] = 0, 1, y_true[..., 2] > 0.5
    return (y_true / np.maximum(y_true.sum(-1, keepdims=True), 1e-9) if kind == "exclusive" else y_true), logits


@pytest.mark.parametrize("kind", ["exclusive", "several"])
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_lovasz_of_shares_against_the_reference(kind, mode):
    y_true, logits = shares_of_classes(kind)
    if kind == "exclusive":
        y_true[0, 0] = np.eye(3)[0]
    ignored = np.random.default_rng(1).random(y_true.shape[:3] + (1,)) < 0.2
    p = softmax(logits) if kind == "exclusive" else sigmoid(logits)
    arguments = {"ignore_label": -1, "exclusive": kind == "exclusive", "from_logits": True, "method": "exact"}
    value, gradient = run("lovasz_softmax", np.where(ignored, -1, y_true), logits, mode, **arguments)
    kept = ~ignored[..., 0]
    expected, slopes = zip(*(soft_lovasz(y_true[kept][:, c], p[kept][:, c]) for c in range(3)))
    slopes = np.stack(slopes, -1) / 3
    through = (
        p[kept] * (slopes - (slopes * p[kept]).sum(-1, keepdims=True))
        if kind == "exclusive"
        else (slopes * p[kept] * (1 - p[kept]))
    )
    assert_close(value, np.mean(expected), 1e-12)
    assert_close(gradient[kept], through, 1e-12)
    assert (gradient[~kept] == 0).all()


@pytest.mark.parametrize("mode", ["eager", "xla"])
def test_lovasz_of_shares_in_bins(mode):
    rng = np.random.default_rng(0)
    y_true, logits = rng.random((1, 32, 48)).astype(np.float32), rng.normal(0, 2, (1, 32, 48)).astype(np.float32)
    y_true[0, :8], y_true[0, 8:12] = 0, 1
    exact, gradient = run("lovasz_softmax", y_true, logits, from_logits=True, method="exact")
    binned, other = run("lovasz_softmax", y_true, logits, mode, from_logits=True)
    assert abs(binned - exact) < 1e-4
    gradient, other = gradient.ravel().astype(np.float64), other.ravel().astype(np.float64)
    assert gradient @ other / np.linalg.norm(gradient) / np.linalg.norm(other) > 0.999


@pytest.mark.parametrize("method", ["exact", "binned"])
def test_lovasz_is_the_same_of_0_and_1_as_floats(method):
    rng = np.random.default_rng(0)
    y_true, logits = (rng.random((2, 6, 7, 3)) < 0.4).astype(int), rng.normal(0, 3, (2, 6, 7, 3))
    y_true[..., 2], logits[0, 0], logits[0, 1] = 0, 1e4, -1e4
    for classes in ("all", "present"):
        arguments = {"from_logits": True, "exclusive": False, "classes": classes, "method": method, "per_image": True}
        values, gradient = run("lovasz_softmax", y_true, logits, **arguments)
        other_values, other_gradient = run("lovasz_softmax", y_true.astype(float), logits, **arguments)
        assert_close(other_values, values, 1e-9)
        assert_close(other_gradient, gradient, 1e-9)
        perfect = run("lovasz_softmax", y_true, y_true.astype(float), **{**arguments, "from_logits": False})
        shares = run(
            "lovasz_softmax", y_true.astype(float), y_true.astype(float), **{**arguments, "from_logits": False}
        )
        assert_close(shares[0], perfect[0], 1e-9)


CLASS_OVERLAPS = {"jaccard_metric_softmax": 1, "dice_semimetric_softmax": 2}


@pytest.mark.parametrize("form", ["min", "dot"])
@pytest.mark.parametrize("name", CLASS_OVERLAPS)
@pytest.mark.parametrize("kind", ["exclusive", "several"])
def test_overlaps_of_classes_of_shares_against_the_reference(kind, name, form):
    y_true, logits = shares_of_classes(kind)
    if kind == "exclusive":
        y_true[0, 0] = np.eye(3)[0]
    ignored = np.random.default_rng(1).random(y_true.shape[:3] + (1,)) < 0.2
    arguments = {"ignore_label": -1, "exclusive": kind == "exclusive", "soft_labels": form}
    kept = ~ignored[..., 0]

    def expected(logits):
        p = softmax(logits) if kind == "exclusive" else sigmoid(logits)
        values = []
        for c in range(3):
            y, found = y_true[kept][:, c], p[kept][:, c]
            right = CLASS_OVERLAPS[name] * (np.minimum(found, y) if form == "min" else found * y).sum()
            values.append(1 - right / (right + np.abs(found - y).sum()))
        return np.mean(values)

    value, gradient = run(name, np.where(ignored, -1, y_true), logits, from_logits=True, **arguments)
    assert_close(value, expected(logits), 1e-12)
    for position in [(0, 0, 1, 2), (0, 2, 3, 0), (1, 1, 1, 1), (1, 3, 4, 2)]:
        moved = np.zeros_like(logits)
        moved[position] = 1e-6
        slope = (expected(logits + moved) - expected(logits - moved)) / 2e-6
        assert gradient[position] == pytest.approx(slope, rel=1e-6, abs=1e-9)
    assert (gradient[~kept] == 0).all()
    single, in_graph = (run(name, np.where(ignored, -1, y_true), logits, mode, from_logits=True, **arguments)
                        for mode in ("eager", "xla"))  # fmt: skip
    assert_close(in_graph[1], single[1], 1e-6)


@pytest.mark.parametrize("form", ["min", "dot"])
@pytest.mark.parametrize("name", CLASS_OVERLAPS)
def test_no_prediction_overlaps_classes_better_than_the_shares(name, form):
    rng = np.random.default_rng(0)
    for _ in range(50):
        y_true = rng.dirichlet([0.5] * 3, (1, 2, 3))
        told = {"exclusive": True, "soft_labels": form}
        least = float(run(name, y_true, y_true, **told)[0])
        assert least == pytest.approx(0, abs=1e-12)
        other = rng.dirichlet([0.5] * 3, (1, 2, 3))
        assert float(run(name, y_true, other, **told)[0]) > least + 1e-6


def test_cross_entropy_of_shares_is_that_of_numbers_in_shares():
    y_true, logits = shares_of_classes("exclusive")
    y_true[0, 0] = np.eye(3)[0]
    value, gradient = run("softmax_cross_entropy", y_true, logits, from_logits=True)
    expected = -(y_true * np.log(softmax(logits))).sum(-1).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    assert_close(gradient, (softmax(logits) - y_true) / y_true[..., 0].size, 1e-9)
    numbers = y_true.argmax(-1)
    one_hot, _ = run("softmax_cross_entropy", np.eye(3)[numbers], logits, from_logits=True, class_weights=[1, 2, 0.5])
    told = {"from_logits": True, "class_weights": [1, 2, 0.5]}
    np.testing.assert_allclose(one_hot, reference_of_numbers("softmax_cross_entropy", numbers, logits, **told)[0])


def test_axes_of_classes_are_told_apart():
    y_true, logits = shares_of_classes("several")
    with pytest.raises(ValueError, match="y_true must add up to 1 over the classes of a pixel"):
        losses.lovasz_softmax(y_true, logits, from_logits=True, exclusive=True)
    with pytest.raises(ValueError, match="exclusive=False is for y_true with an axis of classes"):
        losses.lovasz_softmax(y_true.argmax(-1), logits, from_logits=True, exclusive=False)
    with pytest.raises(ValueError, match="must be of 2 or more classes where they exclude each other, got 1"):
        losses.lovasz_softmax(y_true[..., :1], logits[..., :1], from_logits=True, exclusive=True)
    with pytest.raises(ValueError, match="exclusive must be None, True or False, got 'yes'"):
        losses.get("lovasz_softmax", exclusive="yes")
    with pytest.raises(ValueError, match=r"nothing between, the two sides of a hinge \(lovasz_softmax takes shares\)"):
        losses.lovasz_hinge(y_true, logits)
