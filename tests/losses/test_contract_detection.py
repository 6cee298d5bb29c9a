"""What every detection loss of the registry has to keep; a new entry is taken up by itself, and needs a reference."""

import math
from functools import cache, partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit import losses
from metricfit.losses.ranking.step_sums.keyed_sums import KeyedSums

from ..reference.ranking_losses import REFERENCES, reference
from . import contract
from .modes import MODES, assert_close, assert_close_in_sum

NAMES = [name for name, entry in losses.LOSSES.items() if entry.task == "detection"]
RANKING = [name for name in NAMES if "delta" in losses.LOSSES[name].hyperparameters]
OTHER_VALUES = {
    "delta": 0.25,
    "interpolated": True,
    "clip_error": True,
    "max_positives": 7,
    "alpha": 0.4,
    "beta": 1.5,
    "gamma": 1.5,
    "negatives_per_positive": 1.5,
    "coefficient": "spearman",
    "regularization": 0.5,
    "scope": "replica",
    "exclusive": True,
}
# That change nothing here, or whose other values have tests of their own, where numbers are not next to each other.
NOT_VARIED = ("max_positives", "scope", "coefficient", "regularization", "exclusive")
TWO_PARTS = ("alrp", "rank_sort")
# Keras takes the logarithm of float32 probabilities, which are 1 from a logit of about 17.
SATURATING = ("focal",)
# Without positives negatives are pushed down all the same.
FOCAL = ("focal", "varifocal", "quality_focal", "anchor_cross_entropy")
SHAPE = (2, 20, 3)

each_loss = pytest.mark.parametrize("name", NAMES)
each_ranking = pytest.mark.parametrize("name", RANKING)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Let Rank & Sort halve blocks and take several turns, as it does with thousands of positives."""
    monkeypatch.setattr(KeyedSums, "digits", 2)
    monkeypatch.setattr(KeyedSums, "pairs", 40)


def needs(name):
    return losses.LOSSES[name].loss_class.needs


def batch(seed=0, shape=SHAPE):
    """Labels of all three kinds int64 [B, A, 3], logits, and a number per box [B, A, 1]."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([1, 0, -1], shape, p=[0.2, 0.65, 0.15])
    return labels, rng.normal(0, 1.5, shape).astype(np.float32), rng.random((*shape[:-1], 1)).astype(np.float32)


@cache
def compiled(name, mode, hyperparameters):
    """Return a function of one mode; in graph mode and under XLA one for all numbers of images and anchors."""
    function = partial(value_and_gradients, name, dict(hyperparameters))
    if mode == "eager":
        return function
    shapes = {tf.int64: [None, None, 3], tf.float32: [None, None, 3]}
    signature = [tf.TensorSpec(shape, dtype) for dtype, shape in shapes.items()]
    signature += [tf.TensorSpec([None, None, 1], tf.float32), tf.TensorSpec([None], tf.float32)]
    return MODES[mode](function, input_signature=signature)


def value_and_gradients(name, hyperparameters, labels, scores, boxes, upstream):
    """Compute the values of the parts, and Σ upstream · gradient to scores and to boxes."""
    with tf.GradientTape() as tape:
        tape.watch([scores, boxes])
        arguments = [labels, scores, boxes] if needs(name) else [labels, scores]
        values = tf.reshape(tf.stack(losses.LOSSES[name].function(*arguments, **hyperparameters)), [-1])
        total = tf.reduce_sum(values * upstream)
    return values, *tape.gradient(total, [scores, boxes], unconnected_gradients="zero")


def run(name, labels, scores, boxes=None, mode="eager", upstream=1.0, **hyperparameters):
    """Return the values of the parts and Σ upstream · gradient to scores and to boxes, as NumPy in their own dtype."""
    boxes = np.zeros(np.shape(labels), np.float32) if boxes is None else boxes
    upstream = np.broadcast_to(np.float32(upstream), (2 if name in TWO_PARTS else 1,))
    arguments = [tf.convert_to_tensor(argument) for argument in (labels, scores, boxes, upstream)]
    results = compiled(name, mode, tuple(sorted(hyperparameters.items())))(*arguments)
    return tuple(result.numpy() for result in results)


def variants(name):
    """Give the defaults, and other values of the hyperparameters that change the result."""
    known = losses.LOSSES[name].hyperparameters
    other = {key: value for key, value in OTHER_VALUES.items() if key in known and key not in NOT_VARIED}
    return [{}, other]


def test_every_loss_has_a_reference():
    REFERENCES.check(NAMES)


@each_loss
def test_value_and_gradient_against_the_reference(name):
    labels, scores, boxes = batch()
    if needs(name) == "localization_error":
        boxes *= 2
    for hyperparameters in variants(name):
        values, *gradients = run(name, labels, scores, boxes, **hyperparameters)
        expected_values, *expected_gradients = reference(name, labels, scores, boxes, **hyperparameters)
        assert values.dtype == np.float32
        assert_close(values, expected_values, 2e-6)
        for gradient, expected in zip(gradients, expected_gradients):
            assert gradient.shape == expected.shape
            assert_close(gradient, expected, 2e-6)


def few_slots(name):
    """Fewer slots than some batches have positives, where the loss has slots."""
    return {"max_positives": 7} if "max_positives" in losses.LOSSES[name].hyperparameters else {}


def batches(name=None):
    """Batches that need different things of a loss with 7 slots."""
    usual, crowded = batch(1), batch(2)
    usual[0][:, 4:] = np.minimum(usual[0][:, 4:], 0)
    assert 1 < (usual[0] == 1).sum() <= 7 < (crowded[0] == 1).sum()
    cases = {"usual": usual, "more positives than slots": crowded}
    for label, case in ((1, "all positive"), (0, "all negative"), (-1, "all ignored")):
        cases[case] = np.full(SHAPE, label), *batch(3)[1:]
    labels, scores, boxes = batch(4)
    labels[0, :2] = -1
    scores[0, :2] = [[np.nan, np.inf, -np.inf], [1e30, -1e30, 0]]
    boxes[0, :2] = np.nan
    cases["anything where ignored"] = labels, scores, boxes
    labels, scores, boxes = batch(5)
    cases["large logits"] = labels, scores * np.float32(1 if name in SATURATING else 1e4), boxes
    cases["ties"] = labels, np.round(scores), np.round(boxes)
    cases["all equal"] = labels, np.full_like(scores, 2.5), boxes
    cases["another size"] = batch(6, (3, 11, 3))
    cases["no anchors"] = batch(6, (2, 0, 3))
    return cases


@each_loss
def test_eager_and_graph_agree_with_the_reference_on_every_kind_of_batch(name):
    few = few_slots(name)
    for case, (labels, scores, boxes) in batches(name).items():
        clean = np.where(labels == -1, 0, scores), np.nan_to_num(boxes)
        expected_values, *expected = reference(name, labels, *clean)
        eager = run(name, labels, scores, boxes, **few)
        assert_close(eager[0], expected_values, 2e-6)
        for gradient, wanted in zip(eager[1:], expected):
            assert gradient.shape == wanted.shape
            assert_close(gradient, wanted, 2e-6)
        assert (eager[1][labels == -1] == 0).all()
        if case == "all ignored" or (case == "all negative" and name not in FOCAL):
            assert not any(result.any() for result in eager)
        for other, result in zip(run(name, labels, scores, boxes, "graph", **few), eager):
            assert_close(other, result, 1e-6)


def test_xla_agrees_on_every_kind_of_batch():
    # all losses in one function: they share most of it, and its compilation
    @MODES["xla"]
    def everything(labels, scores, boxes):
        one, two = tf.ones(1), tf.ones(2)
        return {
            name: value_and_gradients(name, {}, labels, scores, boxes, two if name in TWO_PARTS else one)
            for name in NAMES
        }

    for labels, scores, boxes in batches().values():
        if labels.shape != SHAPE:
            continue
        for name, results in everything(*map(tf.constant, (labels, scores, boxes))).items():
            for result, expected in zip(results, run(name, labels, scores, boxes)):
                assert_close(result, expected, 1e-6)


def test_unknown_sizes_and_too_few_slots_under_xla():
    for case in ("usual", "more positives than slots"):
        labels, scores, boxes = batches()[case]
        results = run("alrp", labels, scores, boxes, "xla", max_positives=7)
        for result, expected in zip(results, run("alrp", labels, scores, boxes)):
            assert_close(result, expected, 1e-6)


@each_loss
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_batch_agrees_with_the_reference(name, data):
    numbers = lambda choice, count: st.lists(choice, min_size=count, max_size=count)  # noqa: E731
    draw = lambda choice, *shape: np.reshape(data.draw(numbers(choice, math.prod(shape))), shape)  # noqa: E731
    labels = draw(st.sampled_from([1, 0, -1]), 1, 4, 3)
    magnitude = data.draw(st.sampled_from([0.5, 3.0] if name in SATURATING else [0.5, 3.0, 1e4]))
    # ties are drawn often; TensorFlow takes subnormal numbers for 0
    scores = draw(
        st.one_of(st.floats(-1, 1, width=32, allow_subnormal=False), st.sampled_from([0.0, 0.25, 1.0])), 1, 4, 3
    )
    scores = (scores * magnitude).astype(np.float32)
    scores[np.abs(scores) < np.finfo(np.float32).tiny] = 0
    boxes = draw(
        st.one_of(st.floats(0, 1, width=32, allow_subnormal=False), st.sampled_from([0.0, 0.5])), 1, 4, 1
    ).astype(np.float32)
    hyperparameters = {**data.draw(st.sampled_from(variants(name))), **few_slots(name)}
    upstream = np.array([2.0, -3.0] if name in TWO_PARTS else [2.0])
    values, *gradients = run(name, labels, scores, boxes, "graph", upstream, **hyperparameters)
    expected = reference(name, labels, scores, boxes, upstream=upstream, **hyperparameters)
    np.testing.assert_allclose(values, expected[0], rtol=1e-5, atol=2e-6)
    for gradient, wanted in zip(gradients, expected[1:]):
        assert_close_in_sum(gradient, wanted, 1e-5)


@each_loss
def test_ignoring_is_deleting(name):
    labels, scores, boxes = (np.broadcast_to(array, SHAPE).reshape(-1) for array in batch(3))
    kept = labels != -1
    values, *gradients = run(name, labels, scores, boxes)
    expected_values, *expected = run(name, labels[kept], scores[kept], boxes[kept])
    assert_close(values, expected_values, 1e-6)
    for gradient, wanted in zip(gradients, expected):
        assert_close(gradient[kept], wanted, 1e-6)
        assert not gradient[~kept].any()


@each_loss
def test_permutation_of_entries(name):
    labels, scores, boxes = (np.broadcast_to(array, SHAPE).reshape(-1) for array in batch(4))
    order = np.random.default_rng(5).permutation(labels.size)
    values, *gradients = run(name, labels, scores, boxes)
    other_values, *other_gradients = run(name, labels[order], scores[order], boxes[order])
    assert_close(other_values, values, 1e-6)
    for other, gradient in zip(other_gradients, gradients):
        assert_close(other, gradient[order], 1e-6)


@each_loss
def test_nothing_at_all(name):
    for shape in ((0,), (2, 0, 3)):
        values, gradient, _ = run(name, np.zeros(shape, np.int32), np.zeros(shape, np.float32))
        assert not values.any()
        assert gradient.shape == shape


@each_ranking
def test_a_perfect_ranking_is_the_minimum(name):
    labels, _, boxes = batch(7)
    apart = np.linspace(3, 9, SHAPE[1], dtype=np.float32)[None, :, None]
    scores = np.where(labels == 1, apart + 10, -apart).astype(np.float32)
    values, to_scores, _ = run(name, labels, scores, np.zeros_like(boxes))
    assert not values.any()
    assert not to_scores.any()
    assert run(name, labels, -scores, np.zeros_like(boxes))[0][0] > 0.3


@each_loss
def test_a_single_positive(name):
    labels, scores, boxes = np.zeros(9, int), np.linspace(-2, 2, 9, dtype=np.float32), np.full(9, 0.5, np.float32)
    for place in (0, 4, 8):
        labels[:] = 0
        labels[place] = 1
        actual, expected = run(name, labels, scores, boxes), reference(name, labels, scores, boxes)
        for left, right in zip(actual, expected):
            assert_close(left, right, 2e-6)


@each_ranking
def test_invariants(name):
    labels, scores, boxes = batch(8)
    _, gradient, _ = run(name, labels, scores, boxes)
    # quarters are exact in float32, so that a shift changes no difference
    coarse = np.round(scores * 4) / 4
    shifted = run(name, labels, coarse + 64, boxes)
    for left, right in zip(shifted, run(name, labels, coarse, boxes)):
        assert_close(left, right, 1e-6)
    assert abs(gradient.sum()) < 1e-6 * np.abs(gradient).sum()
    assert not gradient[labels == -1].any()
    assert (gradient[labels == 0] >= 0).all()
    if name != "rank_sort":
        # Oksuz et al., NeurIPS 2020, Theorem 2
        assert (gradient[labels == 1] <= 0).all()
        assert -gradient[labels == 1].sum() == pytest.approx(gradient[labels == 0].sum(), rel=1e-6)


@each_loss
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16], ids=lambda dtype: dtype.name)
def test_extreme_logits(name, dtype):
    labels = np.array([1, 0, 1, 0, -1, 0, 1])
    scores = tf.cast(1e4 * np.array([1, -1, -1, 1, 1, 0, 0.5]), dtype)
    boxes = np.full(7, 0.5, np.float32)
    expected_values, expected_gradient, _ = reference(name, labels, scores, boxes)
    values, gradient, _ = run(name, labels, scores, boxes)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient.astype(np.float64)).all()
    if name not in SATURATING:
        assert_close(values, expected_values, 2e-6)
        assert_close(gradient, expected_gradient, 1e-2 if dtype == tf.bfloat16 else 1e-3)


@each_loss
@pytest.mark.parametrize(("dtype", "step"), [(tf.bfloat16, 2**-8), (tf.float16, 2**-11)], ids=["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(name, dtype, step):
    labels, scores, boxes = batch(9)
    scores, boxes = tf.cast(scores, dtype), tf.cast(boxes, dtype)
    actual, expected = run(name, labels, scores, boxes), reference(name, labels, scores, boxes)
    assert actual[0].dtype == np.float32
    assert_close(actual[0], expected[0], 2e-6)
    for gradient, wanted in zip(actual[1:], expected[1:]):
        assert gradient.dtype == dtype.as_numpy_dtype
        assert_close(gradient, wanted, step)


@each_loss
def test_the_gradient_follows_the_upstream_gradient(name):
    labels, scores, boxes = batch(10)
    for upstream in (3.0, [2.0, -5.0], [0.0, 1.0]) if name in TWO_PARTS else (3.0, -0.5):
        _, *gradients = run(name, labels, scores, boxes, upstream=upstream)
        _, *expected = reference(name, labels, scores, boxes, upstream=upstream)
        for gradient, wanted in zip(gradients, expected):
            assert_close(gradient, wanted, 2e-6)


@each_loss
def test_shapes_and_label_dtypes(name):
    labels, scores, boxes = batch(11)
    expected = run(name, labels, scores, boxes)
    for dtype in (np.int8, np.int64, np.float16, np.float64):
        np.testing.assert_array_equal(run(name, labels.astype(dtype), scores, boxes)[0], expected[0])
    each = np.broadcast_to(boxes, SHAPE)
    for shape in (SHAPE, (-1,), (4, 5, 3, 2)):
        values, gradient, _ = run(name, labels.reshape(shape), scores.reshape(shape), each.reshape(shape))
        np.testing.assert_array_equal(values, expected[0])
        np.testing.assert_array_equal(gradient, expected[1].reshape(shape))
    whole = labels == 1
    np.testing.assert_array_equal(run(name, whole, scores, boxes)[0], run(name, whole * 1, scores, boxes)[0])


@each_loss
def test_labels_get_no_gradient(name):
    labels, scores, boxes = map(tf.constant, batch(13))
    labels = tf.cast(labels, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([labels, scores])
        arguments = [labels, scores, boxes] if needs(name) else [labels, scores]
        values = losses.LOSSES[name].function(*arguments)
    assert not tape.gradient(values, labels, unconnected_gradients="zero").numpy().any()


@each_loss
def test_bad_arguments_are_named(name):
    function = losses.LOSSES[name].function
    labels, scores, boxes = batch()
    extra = [boxes] if needs(name) else []
    with pytest.raises(ValueError, match=r"labels must have the shape of scores, \(2, 20, 3\), got \(2, 20\)"):
        function(labels[..., 0], scores, *extra)
    with pytest.raises(TypeError, match=r"scores must be float16, .* got int64"):
        function(labels, labels, *extra)
    with pytest.raises(TypeError, match="labels must be bool, integer or float, got string"):
        function(labels.astype(str), scores, *extra)
    if needs(name):
        with pytest.raises(ValueError, match=rf"{needs(name)} must have the shape of scores, .* got \(2, 20, 2\)"):
            function(labels, scores, scores[..., :2])
    refused = {"delta": [0, -1.0, float("inf"), "1"], "max_positives": [0, 2.5, True], "negatives_per_positive": [-1]}
    refused |= {
        "coefficient": ["kendall"],
        "regularization": [0],
        "alpha": [-0.1],
        "beta": [0, -2.0],
        "gamma": [-0.5, float("nan")],
    }
    for key in set(refused) & set(losses.LOSSES[name].hyperparameters):
        for value in refused[key]:
            with pytest.raises(ValueError, match=f"{key} must be"):
                function(labels, scores, *extra, **{key: value})
            with pytest.raises(ValueError, match=f"{key} must be"):
                losses.get(name, **{key: value})


def targets(name, labels, boxes):
    return {"labels": labels, needs(name): boxes} if needs(name) else labels


@each_loss
def test_the_class_is_the_sum_of_the_parts(name):
    labels, scores, boxes = batch(14)
    loss = losses.get(name)
    values, *_ = run(name, labels, scores, boxes)
    classification, localization = loss.parts(labels, scores, boxes)
    assert (localization is None) == (name != "alrp")
    total = classification if localization is None else classification + localization
    for reduction in ("sum", "mean", "sum_over_batch_size", "none"):
        value = losses.get(name, reduction=reduction)(targets(name, labels, boxes), scores)
        np.testing.assert_allclose(value, values.sum(), rtol=1e-6)
        assert value.shape == ()
    np.testing.assert_allclose(total, values.sum(), rtol=1e-6)
    with pytest.raises(ValueError, match=f"loss {name} .* takes no sample_weight"):
        loss(targets(name, labels, boxes), scores, np.ones(2))
    if needs(name):
        with pytest.raises(ValueError, match=f"loss {name} needs the {needs(name)} of each box"):
            loss(labels, scores)
    with pytest.raises(ValueError, match=f"y_true of loss {name} must be labels, or a dict that holds them"):
        loss({"boxes": boxes}, scores)


@each_loss
def test_anchors_that_weigh_nothing_are_ignored(name):
    labels, scores, boxes = batch(17)
    rng = np.random.default_rng(17)
    kept = (rng.random(SHAPE[:2]) < 0.7).astype(np.float32)
    left_out = np.where(kept[..., None] > 0, labels, -1)
    expected = float(losses.get(name)(targets(name, left_out, boxes), scores))
    positives = (left_out == 1).sum()
    assert 1 < positives < (labels == 1).sum()
    assert abs(expected - float(losses.get(name)(targets(name, labels, boxes), scores))) > 1e-6
    for weight in (kept, kept[..., None], kept > 0, kept / positives, np.broadcast_to(kept[..., None], SHAPE)):
        for kind in (np.int8, np.float32):
            assert float(losses.get(name)(targets(name, labels.astype(kind), boxes), scores, weight)) == expected
    unsure = np.where(kept[..., None] > 0, labels == 1, -1)
    expected = float(losses.get(name)(targets(name, unsure, boxes), scores))
    for kind in (bool, np.uint8):  # that hold no -1
        assert float(losses.get(name)(targets(name, (labels == 1).astype(kind), boxes), scores, kept)) == expected
    nothing = losses.get(name)(targets(name, labels, boxes), scores, np.zeros(SHAPE[:2]))
    assert float(nothing) == 0.0


@pytest.mark.parametrize("mode", MODES)
def test_weights_that_would_weigh_are_refused(mode):
    labels, scores, _ = batch(18)
    positives = int((labels == 1).sum())
    loss = losses.get("focal")
    signature = [tf.TensorSpec([None, None, 3], tf.int64), tf.TensorSpec([None, None, 3]), tf.TensorSpec([None, None])]
    graph = {} if mode == "eager" else {"input_signature": signature}
    run = MODES[mode](lambda labels, scores, weight: loss(labels, scores, weight), **graph)
    kept = np.ones(SHAPE[:2], np.float32)
    kept[0, :7] = 0
    expected = float(loss(np.where(kept[..., None] > 0, labels, -1), scores))
    assert float(run(labels, scores, kept)) == pytest.approx(expected, rel=1e-6)
    some = np.copy(kept)
    some[1, 3] = 0.5
    for weight in (some, kept * 2, -kept, kept / (positives + 9), np.where(kept > 0, kept, np.nan)):
        if mode == "xla":
            assert np.isnan(run(labels, scores, weight))
        else:
            kind = ValueError if mode == "eager" else tf.errors.InvalidArgumentError
            with pytest.raises(
                kind, match="loss focal ranks the batch as a whole and takes no sample_weight but 0, to ign"
            ):
                run(labels, scores, weight)


def test_weights_of_pictures_and_other_shapes_are_refused():
    labels, scores, _ = batch(19)
    for weight in (np.ones(2), np.ones((2, 1)), np.ones((20, 3)), np.ones((2, 20, 2)), np.float32(1)):
        with pytest.raises(ValueError, match=r"takes no sample_weight but .* of each anchor, \(2, 20, 3\) or that"):
            losses.get("ap")(labels, scores, weight)
    # a weight of each picture is none of each anchor, where there is no axis of classes
    with pytest.raises(ValueError, match=r"of each anchor, \(2, 20\), got \(2,\)"):
        losses.get("ap")(labels[..., 0], scores[..., 0], np.ones(2))
    weight = np.arange(40).reshape(2, 20) % 3 > 0
    value = losses.get("ap")(labels[..., 0], scores[..., 0], weight)
    assert float(value) == float(losses.get("ap")(np.where(weight, labels[..., 0], -1), scores[..., 0]))


@each_loss
def test_the_class_computes_in_float32_whatever_keras_is_set_to(name):
    labels, scores, boxes = batch(16)
    expected = losses.get(name)(targets(name, labels, boxes), scores)
    keras.config.set_floatx("bfloat16")
    try:
        value = losses.get(name)(targets(name, labels, boxes), scores)
    finally:
        keras.config.set_floatx("float32")
    assert float(value) == float(expected)


def small_model(head_dtype="float32"):
    """Return a model of two dense layers, [B, 20, 5] -> logits [B, 20, 3]."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((20, 5))
    logits = keras.layers.Dense(3, dtype=head_dtype)(keras.layers.Dense(8, activation="relu")(inputs))
    return keras.Model(inputs, logits)


def examples(count=6):
    rng = np.random.default_rng(15)
    features = rng.normal(0, 1, (count, 20, 5)).astype(np.float32)
    labels = (features[..., :3] + 0.3 * features[..., 1:4] > 1.2).astype(np.float32)
    labels[:, :2] = -1
    return features, labels, rng.random((count, 20, 1)).astype(np.float32)


@each_loss
def test_round_trip_inside_a_saved_model(name, tmp_path):
    contract.check_round_trip(name, small_model(), OTHER_VALUES, tmp_path)


def test_fit_in_mixed_precision():
    # one for all: a step of fit adds nothing of the single loss
    features, labels, _ = examples()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = small_model(head_dtype="mixed_float16")
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05), initial_scale=2**10)
        model.compile(optimizer, losses.get("ap"), jit_compile=False)
        stream = tf.data.Dataset.from_tensor_slices((features, labels)).batch(6).repeat(20)
        assert stream.element_spec[0].shape[0] is None
        first = float(losses.get("ap")(labels, model(features)))
        model.fit(stream, shuffle=False, verbose=0)
        last = float(losses.get("ap")(labels, model(features)))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert last < 0.8 * first


@each_loss
def test_loss_scaling_changes_no_step(name):
    features, labels, boxes = examples()
    steps = []
    for scale in (1.0, 2.0**12):
        model = small_model()
        with tf.GradientTape() as tape:
            loss = scale * losses.get(name)(targets(name, labels, boxes), model(features))
        steps.append([gradient / scale for gradient in tape.gradient(loss, model.trainable_variables)])
    assert any(gradient.numpy().any() for gradient in steps[0])
    for plain, scaled in zip(*steps):
        np.testing.assert_allclose(scaled, plain, rtol=1e-6, atol=1e-7)
