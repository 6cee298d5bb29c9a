"""What every saliency loss of the registry has to keep; a new entry is taken up by itself, and needs a reference."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit import losses

from ..reference.saliency_losses import REFERENCES, reference
from . import contract
from .contract import reduced, run, run_together
from .modes import assert_close

NAMES = [name for name, entry in losses.LOSSES.items() if entry.task == "saliency"]
OTHER_VALUES = {
    "alpha": 0.4,
    "asymmetric": False,
    "beta": 0.9,
    "beta2": 0.8,
    "delta": 0.7,
    "focal_weight": 0.2,
    "from_logits": True,
    "gamma": 0.25,
    "ignore_label": 255,
    "empty_target": "suppress",
    "scope": "replica",
}
SOFT = {name: losses.LOSSES[name].hyperparameters.get("soft_labels") for name in NAMES}
APART = {"structure"}
"""Losses to which it matters where a pixel is."""
SHAPE = (4, 6, 7)

each_loss = pytest.mark.parametrize("name", NAMES)
each_family = pytest.mark.parametrize("name", [name for name in NAMES if name not in contract.ALIKE])
each_trained = pytest.mark.parametrize("name", [name for name in NAMES if name not in contract.MADE_OF_OTHERS])
each_set_of_pixels = pytest.mark.parametrize("name", [name for name in NAMES if name not in APART])
both_forms = pytest.mark.parametrize("from_logits", [False, True], ids=["probabilities", "logits"])


def batch(from_logits, seed=0, dtype=np.float32):
    """Masks: two usual ones, an empty and a full one."""
    rng = np.random.default_rng(seed)
    y_true = (rng.random(SHAPE) < 0.3).astype(np.int32)
    y_true[2], y_true[3] = 0, 1
    logits = rng.normal(0, 2, SHAPE)
    return y_true, (logits if from_logits else 1 / (1 + np.exp(-logits))).astype(dtype)


def policies(name):
    """Every `empty_target` that the loss knows, as keyword arguments."""
    known = "empty_target" in losses.LOSSES[name].hyperparameters
    return [{"empty_target": policy} for policy in ("paper", "suppress")] if known else [{}]


def test_every_loss_has_a_reference():
    REFERENCES.check(NAMES)


@each_family
def test_eager_graph_and_xla_agree(name):
    weight, cases = np.random.default_rng(1).random(SHAPE).astype(np.float32), []
    for from_logits in (False, True):
        y_true, y_pred = batch(from_logits)
        y_true[0, :2, :2] = 255
        y_true[1], y_pred[1] = 255, np.nan
        arguments = {"from_logits": from_logits, "ignore_label": 255, "sample_weight": weight}
        cases += [(y_true, y_pred, {**arguments, **extra}) for extra in policies(name)]
    expected = run_together(name, cases, "eager")
    for mode in ("graph", "xla"):
        for (other_values, other_gradient), (values, gradient) in zip(run_together(name, cases, mode), expected):
            np.testing.assert_allclose(other_values, values, rtol=1e-6, atol=1e-6)
            assert_close(other_gradient, gradient, 1e-6)
            assert other_values[1] == 0, "nothing of it counts"
            assert (other_gradient[1] == 0).all()


@each_loss
@both_forms
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_value_and_gradient_against_the_reference(name, from_logits, dtype, tolerance):
    y_true, y_pred = batch(from_logits, dtype=dtype)
    for extra in policies(name):
        for changed in ({}, {"beta2": 0.8} if "beta2" in losses.LOSSES[name].hyperparameters else {}):
            arguments = {"from_logits": from_logits, **extra, **changed}
            values, gradient = run(name, y_true, y_pred, **arguments)
            expected_values, expected_gradient = reference(name, y_true, y_pred, **arguments)
            assert values.dtype == dtype
            assert values.shape == (4,)
            assert_close(values, expected_values, tolerance)
            assert_close(gradient, expected_gradient, tolerance)


@each_loss
@both_forms
def test_gradient_is_the_derivative_of_the_reference(name, from_logits):
    y_true, y_pred = batch(from_logits, dtype=np.float64)
    weight = np.random.default_rng(2).random(SHAPE)
    # away from 0 and 1, where the logarithm bends too much for differences
    y_pred = y_pred if from_logits else 0.1 + 0.8 * y_pred
    for extra in policies(name):
        arguments = {"from_logits": from_logits, "sample_weight": weight, **extra}
        _, gradient = run(name, y_true, y_pred, **arguments)
        step = 1e-6
        differences = np.zeros(SHAPE)
        for position in np.ndindex(SHAPE[1:]):
            moved = np.zeros(SHAPE)
            moved[(slice(None), *position)] = step
            above, _ = reference(name, y_true, y_pred + moved, **arguments)
            below, _ = reference(name, y_true, y_pred - moved, **arguments)
            differences[(slice(None), *position)] = (above - below) / (2 * step)
        assert_close(gradient, differences, 1e-7)


@each_family
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_image_agrees_with_the_reference(name, data):
    pixels = data.draw(st.integers(1, 6))
    numbers = lambda low, high: st.lists(st.floats(low, high), min_size=pixels, max_size=pixels)  # noqa: E731
    y_true = np.array(data.draw(st.lists(st.sampled_from([0, 1, 255]), min_size=pixels, max_size=pixels)))
    logits = np.array(data.draw(numbers(-1e4, 1e4)))
    weight = np.round(np.array(data.draw(numbers(0, 2))), 3)
    arguments = {"from_logits": True, "ignore_label": 255, "sample_weight": weight.reshape(1, 1, -1)}
    for extra in policies(name):
        shaped = y_true.reshape(1, 1, -1), logits.reshape(1, 1, -1)
        values, gradient = run(name, *shaped, **arguments, **extra)
        expected_values, expected_gradient = reference(name, *shaped, **arguments, **extra)
        np.testing.assert_allclose(values, expected_values, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-9, atol=1e-9)


@each_loss
@both_forms
def test_perfect_prediction_is_the_minimum(name, from_logits):
    y_true, y_pred = batch(from_logits)
    y_true = y_true[:2]
    perfect = (y_true * 2 - 1) * 1e4 if from_logits else y_true
    values, _ = run(name, y_true, perfect.astype(np.float32), from_logits=from_logits)
    np.testing.assert_allclose(values, 0, atol=1e-6)
    assert (values >= 0).all()
    assert (run(name, y_true, y_pred[:2], from_logits=from_logits)[0] > 1e-3).all()


@each_set_of_pixels
@both_forms
def test_permutation_of_pixels(name, from_logits):
    y_true, y_pred = batch(from_logits, dtype=np.float64)
    order = np.random.default_rng(3).permutation(SHAPE[1] * SHAPE[2])
    shuffle = lambda x: x.reshape(SHAPE[0], -1)[:, order].reshape(SHAPE)  # noqa: E731
    values, gradient = run(name, y_true, y_pred, from_logits=from_logits)
    other_values, other_gradient = run(name, shuffle(y_true), shuffle(y_pred), from_logits=from_logits)
    assert_close(other_values, values, 1e-12)
    assert_close(other_gradient, shuffle(gradient), 1e-12)


@each_family
@both_forms
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_ignoring_is_deleting(name, from_logits, dtype):
    y_true, y_pred = batch(from_logits)
    y_true, y_pred = y_true.reshape(4, 1, -1).astype(dtype), y_pred.reshape(4, 1, -1)
    for extra in policies(name):
        kept, kept_gradient = run(name, y_true[..., 9:], y_pred[..., 9:], from_logits=from_logits, **extra)
        marked, odd = y_true.copy(), y_pred.copy()
        marked[..., :9], odd[..., :9] = 255, [np.nan, np.inf, -np.inf, 1e30, -1e30, 7, -7, 0, 1]
        values, gradient = run(name, marked, odd, from_logits=from_logits, ignore_label=255, **extra)
        assert_close(values, kept, 1e-6)
        assert_close(gradient[..., 9:], kept_gradient, 1e-6)
        assert (gradient[..., :9] == 0).all()


@each_set_of_pixels
@both_forms
def test_a_pixel_weight_counts_pixels(name, from_logits):
    y_true, y_pred = batch(from_logits, dtype=np.float64)
    y_true, y_pred = y_true[:1].reshape(1, 1, -1), y_pred[:1].reshape(1, 1, -1)
    times = np.random.default_rng(4).integers(0, 4, y_true.size)
    repeated = np.repeat(np.arange(y_true.size), times)
    values, gradient = run(name, y_true, y_pred, from_logits=from_logits, sample_weight=times.reshape(1, 1, -1))
    expected, each = run(name, y_true[..., repeated], y_pred[..., repeated], from_logits=from_logits)
    assert_close(values, expected, 1e-12)
    assert_close(gradient[0, 0], np.bincount(repeated, each[0, 0], minlength=times.size), 1e-12)


@each_family
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_what_is_no_number_gives_none(name, mode):
    for extra in policies(name):
        y_true, y_pred = batch(True)
        y_pred[1] = np.nan
        values, gradient = run(name, y_true, y_pred, mode, from_logits=True, **extra)
        assert np.isnan(values).tolist() == [False, True, *[False] * (len(values) - 2)]
        assert np.isnan(gradient[1]).any()


@each_family
@both_forms
def test_an_image_of_which_nothing_counts(name, from_logits):
    y_true, y_pred = batch(from_logits)
    y_true[1], y_pred[1] = 255, np.nan
    for extra in policies(name):
        arguments = {"from_logits": from_logits, "ignore_label": 255, **extra}
        values, gradient = run(name, y_true, y_pred, **arguments)
        expected_values, expected_gradient = reference(name, y_true, np.nan_to_num(y_pred), **arguments)
        assert values[1] == 0
        assert (gradient[1] == 0).all()
        assert_close(values, expected_values, 2e-6)
        assert_close(gradient, expected_gradient, 2e-6)
        values, gradient = run(name, y_true[1:2], y_pred[1:2], **arguments)
        assert values == 0
        assert (gradient == 0).all()
        no_weight = {"from_logits": from_logits, "sample_weight": np.zeros(SHAPE, np.float32), **extra}
        values, gradient = run(name, y_true, y_pred, **no_weight)
        assert (values == 0).all()
        assert (gradient == 0).all()


@each_family
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16], ids=lambda dtype: dtype.name)
def test_extreme_logits(name, dtype):
    y_true = np.array([[[0, 1, 0, 1]], [[0, 0, 0, 0]], [[1, 1, 1, 1]], [[0, 1, 1, 1]], [[0, 1, 1, 0]]])
    logits = 1e4 * np.array([[[1, -1, -1, 1]], [[1, 1, 1, 1]], [[-1, -1, -1, -1]], [[1, -1, -1, -1]], [[-1, 1, 1, -1]]])
    logits = tf.cast(logits, dtype)
    cases = [(y_true, logits, {"from_logits": True, **extra}) for extra in policies(name)]
    # half precision is brought to float32 first, under XLA by the same lines for every loss
    for mode in ("eager", "xla") if dtype == tf.float32 or name == "floss" else ("eager",):
        for (values, gradient), (*_, arguments) in zip(run_together(name, cases, mode), cases):
            expected_values, expected_gradient = reference(name, y_true, logits, **arguments)
            assert np.isfinite(values).all()
            assert_close(values, expected_values, 2e-6)
            assert_close(gradient, expected_gradient, 1e-2 if dtype == tf.bfloat16 else 1e-3)


@each_family
@both_forms
@pytest.mark.parametrize(("dtype", "step"), [(tf.bfloat16, 2**-8), (tf.float16, 2**-11)], ids=["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(name, from_logits, dtype, step):
    y_true, y_pred = batch(from_logits)
    y_pred = tf.cast(y_pred, dtype)
    values, gradient = run(name, y_true, y_pred, from_logits=from_logits)
    expected_values, expected_gradient = reference(name, y_true, y_pred, from_logits=from_logits)
    assert values.dtype == np.float32
    assert gradient.dtype == dtype.as_numpy_dtype
    assert_close(values, expected_values, 2e-6)
    assert_close(gradient, expected_gradient, step)


@each_loss
@both_forms
def test_the_gradient_follows_the_upstream_gradient(name, from_logits):
    y_true, y_pred = batch(from_logits)
    for extra in policies(name):
        _, gradient = run(name, y_true, y_pred, from_logits=from_logits, **extra)
        _, tripled = run(name, y_true, y_pred, upstream=3.0, from_logits=from_logits, **extra)
        assert_close(tripled, 3 * gradient, 1e-6)
        factors = [1.0, -2.0, 0.5, 0.0]
        _, mixed = run(name, y_true, y_pred, upstream=factors, from_logits=from_logits, **extra)
        assert_close(mixed, np.reshape(factors, (4, 1, 1)) * gradient, 1e-6)


@each_family
def test_labels_get_no_gradient(name):
    y_true, y_pred = map(tf.constant, batch(True))
    y_true = tf.cast(y_true, tf.float32)
    for function in (lambda f: f, tf.function):

        @function
        def step(y_true, y_pred):
            with tf.GradientTape() as tape:
                tape.watch([y_true, y_pred])
                values = losses.LOSSES[name].function(y_true, y_pred, from_logits=True)
            return tape.gradient(values, y_true, unconnected_gradients="zero")

        assert not step(y_true, y_pred).numpy().any()


@each_family
def test_shapes_and_label_dtypes(name):
    y_true, y_pred = batch(False)
    values, gradient = run(name, y_true, y_pred)
    for dtype in (np.bool_, np.uint8, np.int64, np.float16, np.float64):
        np.testing.assert_array_equal(run(name, y_true.astype(dtype), y_pred)[0], values)
    for labels in (y_true, y_true[..., None]):
        other_values, other_gradient = run(name, labels, y_pred[..., None])
        np.testing.assert_array_equal(other_values, values)
        np.testing.assert_array_equal(other_gradient, gradient[..., None])


@each_trained
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_unknown_sizes(name, jit_compile):
    y_true, y_pred = batch(False)
    unknown = [tf.TensorSpec([None, None, None], tf.int32), tf.TensorSpec([None, None, None], tf.float32)]
    function = tf.function(losses.LOSSES[name].function, jit_compile=jit_compile, input_signature=unknown)
    for images in (slice(0, 2), slice(0, 3)):
        expected = losses.LOSSES[name].function(y_true[images], y_pred[images])
        np.testing.assert_allclose(function(y_true[images], y_pred[images]), expected, rtol=1e-6)


@each_family
def test_bad_arguments_are_named(name):
    function = losses.LOSSES[name].function
    y_true, y_pred = batch(False)
    with pytest.raises(ValueError, match=r"y_pred must have shape \[B, H, W\], got \(8, 64\)"):
        function(np.zeros((8, 64)), np.zeros((8, 64), np.float32))
    with pytest.raises(ValueError, match=r"y_true must have y_pred's shape \(4, 6, 7\), got \(4, 6, 6\)"):
        function(y_true[..., 1:], y_pred)
    with pytest.raises(TypeError, match=r"y_pred must be .* got int32"):
        function(y_true, y_true)
    with pytest.raises(ValueError, match=r"sample_weight must have y_pred's shape \(4, 6, 7\), got \(4, 1, 7\)"):
        function(y_true, y_pred, sample_weight=np.ones((4, 1, 7)))


@each_trained
@pytest.mark.parametrize("reduction", ["sum", "mean", "sum_over_batch_size", "mean_with_sample_weight", "none", None])
def test_reductions_and_sample_weights(name, reduction):
    y_true, y_pred = batch(False)
    loss = losses.get(name, reduction=reduction)
    rng = np.random.default_rng(5)
    image_weight, pixel_weight = rng.random(4).astype(np.float32), rng.random(SHAPE).astype(np.float32)
    per_image, _ = reference(name, y_true, y_pred)
    per_image_weighted, _ = reference(name, y_true, y_pred, sample_weight=pixel_weight)

    one = np.ones(4)
    np.testing.assert_allclose(loss(y_true, y_pred), reduced(per_image, one, reduction), rtol=5e-6)
    for weight in (image_weight, image_weight[:, None]):
        np.testing.assert_allclose(loss(y_true, y_pred, weight), reduced(per_image, image_weight, reduction), rtol=5e-6)
    for weight in (pixel_weight, pixel_weight[..., None]):
        np.testing.assert_allclose(loss(y_true, y_pred, weight), reduced(per_image_weighted, one, reduction), rtol=5e-6)


def small_model(seed=0, head_dtype="float32"):
    """Return a model of two 1x1 layers, [B, 6, 7, 3] -> logits [B, 6, 7]."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 7, 3))
    logits = keras.layers.Dense(1, dtype=head_dtype)(keras.layers.Dense(4, activation="relu")(inputs))
    return keras.Model(inputs, keras.layers.Reshape((6, 7), dtype=head_dtype)(logits))


def examples(count=6):
    rng = np.random.default_rng(6)
    images = rng.normal(0, 1, (count, 6, 7, 3)).astype(np.float32)
    return images, (images[..., 0] + 0.3 * images[..., 1] > 0.4).astype(np.uint8)


@each_loss
def test_round_trip_inside_a_saved_model(name, tmp_path):
    model = small_model()
    # the form that is not the usual one
    form = {"soft_labels": "min" if SOFT[name] == "dot" else "dot"}
    loaded = contract.check_round_trip(name, model, OTHER_VALUES | form, tmp_path)
    images, masks = examples()
    assert float(loaded(masks, model(images))) == float(model.loss(masks, model(images)))


@pytest.mark.parametrize(
    "name", [one if one == "floss" else pytest.param(one, marks=pytest.mark.long) for one in NAMES]
)
def test_fit_compiled_in_mixed_precision(name):
    contract.check_fit_in_mixed_precision(name, small_model, *examples())


@each_trained
def test_loss_scaling_changes_no_step(name):
    contract.check_loss_scaling(name, small_model, *examples())


@each_trained
def test_fit_with_sample_weights_and_an_unknown_batch_size(name):
    images, masks = examples()
    loss = losses.get(name, from_logits=True)
    rng = np.random.default_rng(7)
    for weight in (rng.random(6).astype(np.float32), rng.random((6, 6, 7)).astype(np.float32)):
        model = small_model()
        model.compile(keras.optimizers.SGD(0.0), loss, jit_compile=False)
        logits = model(images)
        stream = tf.data.Dataset.from_tensor_slices((images, masks, weight)).batch(3)
        assert stream.element_spec[0].shape[0] is None
        reported = model.fit(stream, shuffle=False, verbose=0).history["loss"]
        halves = [float(loss(masks[part], logits[part], weight[part])) for part in (slice(0, 3), slice(3, 6))]
        np.testing.assert_allclose(reported, [np.mean(halves)], rtol=1e-5)
