"""What every segmentation loss of the registry has to keep; a new entry is taken up by itself, with a reference."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses

from ..reference.segmentation_losses import REFERENCES, reference, sigmoid, softmax
from . import contract
from .contract import reduced, run, run_together, value_and_gradient
from .modes import assert_close

NAMES = [name for name, entry in losses.LOSSES.items() if entry.task == "segmentation"]
OTHER_VALUES = {
    "from_logits": True,
    "per_image": True,
    "classes": [0, 2],
    "class_weights": [1.0, 0.5, 2.0],
    "ignore_label": 255,
    "method": "exact",
    "bins": 77,
    "exclusive": True,
    "soft_labels": "dot",
    "scope": "replica",
}
B, H, W = 3, 4, 5
pytestmark = pytest.mark.filterwarnings("ignore:y_true with an axis of classes")
each_loss = pytest.mark.parametrize("name", NAMES)
each_family = pytest.mark.parametrize("name", [name for name in NAMES if name not in contract.ALIKE])
both_forms = pytest.mark.parametrize("from_logits", [False, True], ids=["probabilities", "logits"])


def kinds(name):
    """What targets the loss takes, with the number of classes."""
    several = [("classes", 4), ("classes", 2)]
    return several if name == "softmax_cross_entropy" else [*several, ("labels", 3), ("binary", 1)]


def batch(kind="classes", count=4, from_logits=True, seed=0, dtype=np.float32):
    """Targets and predictions. Class 3 is absent, and the last picture holds class 0 alone."""
    rng = np.random.default_rng(seed)
    if kind == "classes":
        y_true = rng.choice(min(count, 3), (B, H, W)).astype(np.int32)
    else:
        y_true = (rng.random((B, H, W, count)) < 0.4).astype(np.int32)
    y_true[2] = 0
    logits = rng.normal(0, 2, (B, H, W, count))
    if not from_logits:
        logits = softmax(logits) if kind == "classes" else sigmoid(logits)
    return y_true, logits.astype(dtype)


def exactly(name):
    """Arguments with which the loss is its formula."""
    return {"method": "exact"} if "method" in losses.LOSSES[name].hyperparameters else {}


def ways(name):
    """Each way to compute the loss, as keyword arguments."""
    return [{"method": "exact"}, {"method": "binned", "bins": 64}] if exactly(name) else [{}]


def variants(name):
    """What changes the average over the pixels or classes, as keyword arguments; of 4 classes."""
    known = losses.LOSSES[name].hyperparameters
    found = [{"per_image": False}, {"per_image": True}, {"class_weights": [1.0, 0.25, 2.0, 0.5]}]
    if "classes" in known:
        found += [{"classes": "all"}, {"classes": "present", "per_image": True}, {"classes": [3, 1]}]
    return found


def agrees(name, y_true, y_pred, tolerance, mode="eager", **arguments):
    """Compare value and gradient with the reference; gives both."""
    values, gradient = run(name, y_true, y_pred, mode, **arguments)
    told = {key: value for key, value in arguments.items() if key not in ("method", "bins")}
    expected_values, expected_gradient = reference(name, y_true, y_pred, **told)
    assert values.shape == expected_values.shape
    assert np.isfinite(values).all()
    assert_close(values, expected_values, tolerance)
    assert_close(gradient, expected_gradient, tolerance)
    return values, gradient


def test_every_loss_has_a_reference():
    REFERENCES.check(NAMES)


@each_family
def test_eager_graph_and_xla_agree(name):
    cases = []
    for from_logits in (False, True):
        y_true, y_pred = batch(from_logits=from_logits)
        y_true[0, :2, :2] = 255
        arguments = {"from_logits": from_logits, "ignore_label": 255, "per_image": from_logits}
        cases += [(y_true, y_pred, {**arguments, **way}) for way in ways(name)]
    expected = run_together(name, cases, "eager")
    for mode in ("graph", "xla"):
        for (other_values, other_gradient), (values, gradient) in zip(run_together(name, cases, mode), expected):
            np.testing.assert_allclose(other_values, values, rtol=1e-6, atol=1e-6)
            assert_close(other_gradient, gradient, 1e-6)


@each_loss
@both_forms
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_value_and_gradient_against_the_reference(name, from_logits, dtype, tolerance):
    for kind, count in kinds(name):
        y_true, y_pred = batch(kind, count, from_logits, dtype=dtype)
        values, _ = agrees(name, y_true, y_pred, tolerance, from_logits=from_logits, **exactly(name))
        assert values.dtype == dtype
        y_true[0, 1] = 255
        agrees(name, y_true, y_pred, tolerance, from_logits=from_logits, ignore_label=255, **exactly(name))
    y_true, y_pred = batch(from_logits=from_logits, dtype=dtype)
    for extra in variants(name):
        agrees(name, y_true, y_pred, tolerance, from_logits=from_logits, **exactly(name), **extra)


@each_loss
@both_forms
def test_gradient_is_the_derivative_of_the_reference(name, from_logits):
    for kind, count in kinds(name)[1:]:
        y_true, y_pred = batch(kind, count, from_logits, dtype=np.float64)
        y_true, y_pred = y_true[:2, :2, :2], y_pred[:2, :2, :2]
        _, gradient = run(name, y_true, y_pred, from_logits=from_logits, **exactly(name))
        differences = np.zeros_like(y_pred)
        for position in np.ndindex(y_pred.shape):
            moved = np.zeros_like(y_pred)
            moved[position] = 1e-6
            above, _ = reference(name, y_true, y_pred + moved, from_logits=from_logits)
            below, _ = reference(name, y_true, y_pred - moved, from_logits=from_logits)
            differences[position] = (above - below).sum() / 2e-6
        assert_close(gradient, differences, 1e-7)


@each_loss
@both_forms
def test_perfect_prediction_is_the_minimum(name, from_logits):
    for kind, count in kinds(name):
        y_true, y_pred = batch(kind, count, from_logits)
        perfect = np.eye(count)[y_true] if kind == "classes" else y_true
        perfect = (2 * perfect - 1) * 1e4 if from_logits else perfect
        for way in ways(name):
            values, _ = run(name, y_true, perfect.astype(np.float32), from_logits=from_logits, **way)
            assert (values >= 0).all()
            np.testing.assert_allclose(values, 0, atol=1e-6)
            assert (run(name, y_true, y_pred, from_logits=from_logits, **way)[0] > 1e-3).all()


@each_loss
@both_forms
def test_permutation_of_pixels(name, from_logits):
    for kind, count in kinds(name):
        y_true, y_pred = batch(kind, count, from_logits, dtype=np.float64)
        order = np.random.default_rng(3).permutation(H * W)
        shuffle = lambda x, order=order: x.reshape(B, H * W, -1)[:, order].reshape(x.shape)  # noqa: E731
        for way in ways(name):
            values, gradient = run(name, y_true, y_pred, from_logits=from_logits, **way)
            other_values, other_gradient = run(name, shuffle(y_true), shuffle(y_pred), from_logits=from_logits, **way)
            assert_close(other_values, values, 1e-12)
            assert_close(other_gradient, shuffle(gradient), 1e-12)


@each_loss
@both_forms
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_ignoring_is_deleting(name, from_logits, dtype):
    odd = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 7, -7], np.float32)
    for kind, count in kinds(name):
        y_true, y_pred = batch(kind, count, from_logits)
        y_true = y_true.reshape(B, 1, H * W, *y_true.shape[3:]).astype(dtype)
        y_pred = y_pred.reshape(B, 1, H * W, count)
        marked, spoilt = y_true.copy(), y_pred.copy()
        marked[:, :, :7], spoilt[:, :, :7] = 255, odd[:, None]
        for way in ways(name):
            kept, kept_gradient = run(name, y_true[:, :, 7:], y_pred[:, :, 7:], from_logits=from_logits, **way)
            values, gradient = run(name, marked, spoilt, from_logits=from_logits, ignore_label=255, **way)
            assert_close(values, kept, 1e-6)
            assert_close(gradient[:, :, 7:], kept_gradient, 1e-6)
            assert (gradient[:, :, :7] == 0).all()


@each_loss
def test_little_or_nothing_counts(name):
    for kind, count in kinds(name):
        y_true, y_pred = batch(kind, count)
        nothing = np.full_like(y_true, 255)
        one_image, one_pixel = y_true.copy(), nothing.copy()
        one_image[1:], one_pixel[0, 0, 0] = 255, y_true[0, 0, 0]
        for way in ways(name):
            for labels in (nothing, one_image, one_pixel):
                arguments = {"from_logits": True, "ignore_label": 255, **way}
                if way in ({}, {"method": "exact"}) or labels is not one_image:
                    values, gradient = agrees(name, labels, y_pred, 2e-6, **arguments)
                else:
                    values, gradient = run(name, labels, y_pred, **arguments)
                    assert_close(values, run(name, labels, y_pred, **{**arguments, "method": "exact"})[0], 2e-2)
                assert np.isfinite(gradient).all()
                assert (gradient[labels == 255] == 0).all()
                if labels is nothing:
                    assert (values == 0).all()
            spoilt = np.full_like(y_pred, np.nan)
            for mode in ("eager", "xla") if kind == "classes" and count == 2 else ("eager",):
                values, gradient = run(name, nothing, spoilt, mode, ignore_label=255, **way)
                assert (values == 0).all()
                assert (gradient == 0).all()


@each_loss
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16], ids=lambda dtype: dtype.name)
def test_extreme_logits(name, dtype):
    y_true = np.array([[[0, 1, 2, 1, 0]]])
    logits = 1e4 * np.array([[[[1, 0.5, -1], [1, -1, 0.25], [-0.125, -1, 0.5], [-1, 1, 0], [-1, -0.5, 1]]]])
    logits = tf.cast(logits, dtype)
    for way in ways(name):
        values, gradient = run(name, y_true, logits, from_logits=True, **way)
        expected, _ = reference(name, y_true, logits, from_logits=True)
        assert np.isfinite(gradient.astype(np.float32)).all()
        assert_close(values, expected, 2e-6 if way in ({}, {"method": "exact"}) else 5e-2)


@each_loss
@both_forms
@pytest.mark.parametrize(("dtype", "step"), [(tf.bfloat16, 2**-8), (tf.float16, 2**-11)], ids=["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(name, from_logits, dtype, step):
    y_true, y_pred = batch(from_logits=from_logits)
    y_pred = tf.cast(y_pred, dtype)
    values, gradient = run(name, y_true, y_pred, from_logits=from_logits, **exactly(name))
    single, single_gradient = run(name, y_true, tf.cast(y_pred, tf.float32), from_logits=from_logits, **exactly(name))
    assert values.dtype == np.float32
    assert gradient.dtype == dtype.as_numpy_dtype
    np.testing.assert_array_equal(values, single)
    assert_close(gradient, single_gradient, step)


@each_loss
def test_the_gradient_follows_the_upstream_gradient(name):
    y_true, y_pred = batch()
    for way in ways(name):
        _, gradient = run(name, y_true, y_pred, from_logits=True, per_image=True, **way)
        factors = [1.0, -2.0, 0.5]
        _, mixed = run(name, y_true, y_pred, upstream=factors, from_logits=True, per_image=True, **way)
        assert_close(mixed, np.reshape(factors, (3, 1, 1, 1)) * gradient, 1e-6)
        _, whole = run(name, y_true, y_pred, from_logits=True, per_image=False, **way)
        _, tripled = run(name, y_true, y_pred, upstream=3.0, from_logits=True, per_image=False, **way)
        assert_close(tripled, 3 * whole, 1e-6)


@each_loss
def test_labels_get_no_gradient(name):
    y_true, y_pred = map(tf.constant, batch())
    y_true = tf.cast(y_true, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([y_true, y_pred])
        values = losses.LOSSES[name].function(y_true, y_pred, from_logits=True)
    assert not tape.gradient(values, y_true, unconnected_gradients="zero").numpy().any()


@each_loss
def test_shapes_and_label_dtypes(name):
    for kind, count in kinds(name):
        y_true, y_pred = batch(kind, count)
        values, gradient = run(name, y_true, y_pred, from_logits=True)
        dtypes = [np.uint8, np.int64, np.float16, np.float64]
        for dtype in dtypes if kind == "classes" else [*dtypes, np.bool_]:
            other = run(name, y_true.astype(dtype), y_pred, from_logits=True)[0]
            # of floats, a class or several have shares, which are summed up instead of counted
            np.testing.assert_allclose(other, values, rtol=1e-6 if np.dtype(dtype).kind == "f" else 0)
        if kind == "classes":
            np.testing.assert_array_equal(run(name, y_true[..., None], y_pred, from_logits=True)[1], gradient)
        if kind == "binary":
            for labels, maps in ((y_true[..., 0], y_pred), (y_true, y_pred[..., 0]), (y_true[..., 0], y_pred[..., 0])):
                other_values, other_gradient = run(name, labels, maps, from_logits=True)
                np.testing.assert_array_equal(other_values, values)
                np.testing.assert_array_equal(other_gradient.ravel(), gradient.ravel())


@each_family
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_unknown_sizes(name, jit_compile):
    y_true, y_pred = batch()
    unknown = [tf.TensorSpec([None, None, None], tf.int32), tf.TensorSpec([None, None, None, 4], tf.float32)]
    each = [{"from_logits": True, **way} for way in ways(name)]

    @tf.function(jit_compile=jit_compile, input_signature=unknown)
    def steps(y_true, y_pred):
        return [value_and_gradient(name, y_true, y_pred, **arguments) for arguments in each]

    for images in (slice(0, 2),) if jit_compile else (slice(0, 2), slice(0, 3)):
        for (values, gradient), arguments in zip(steps(y_true[images], y_pred[images]), each):
            expected, expected_gradient = run(name, y_true[images], y_pred[images], **arguments)
            np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-7)
            assert_close(gradient, expected_gradient, 2e-6)


@each_loss
def test_bad_arguments_are_named(name):
    function = losses.LOSSES[name].function
    y_true, y_pred = batch(from_logits=False)
    with pytest.raises(ValueError, match=r"y_pred must have shape \[B, H, W\] or \[B, H, W, C\] .* got \(8, 64\)"):
        function(np.zeros((8, 64)), np.zeros((8, 64), np.float32))
    with pytest.raises(ValueError, match=r"y_true must have shape \(3, 4, 5\), .* got \(3, 3, 5\)"):
        function(y_true[:, 1:], y_pred)
    with pytest.raises(ValueError, match=r"y_true must have shape .* with 4 or 1 as a last axis .* got \(3, 4, 5, 3\)"):
        function(np.zeros((3, 4, 5, 3)), y_pred)
    with pytest.raises(TypeError, match=r"y_pred must be .* got int32"):
        function(y_true, y_true)
    with pytest.raises(ValueError, match="class_weights must hold 4 numbers, one for each class, got 2"):
        function(y_true, y_pred, class_weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="class_weights must be numbers of at least 0"):
        losses.get(name, class_weights=[1.0, -2.0])
    with pytest.raises(ValueError, match="ignore_label must be a uint8 as y_true is, got -1"):
        function(y_true.astype(np.uint8), y_pred, ignore_label=-1)


@each_loss
@pytest.mark.parametrize("reduction", ["sum", "mean", "sum_over_batch_size", "mean_with_sample_weight", "none", None])
def test_reductions_and_sample_weights(name, reduction):
    y_true, y_pred = batch()
    arguments = {"from_logits": True, "per_image": True, **exactly(name)}
    loss = losses.get(name, reduction=reduction, **arguments)
    per_image, _ = reference(name, y_true, y_pred, from_logits=True, per_image=True)
    image_weight = np.random.default_rng(5).random(B).astype(np.float32)

    np.testing.assert_allclose(loss(y_true, y_pred), reduced(per_image, np.ones(B), reduction), rtol=5e-6)
    for weight in (image_weight, image_weight[:, None]):
        np.testing.assert_allclose(loss(y_true, y_pred, weight), reduced(per_image, image_weight, reduction), rtol=5e-6)
    with pytest.raises(ValueError, match="takes no pixel weights"):
        loss(y_true, y_pred, np.ones((B, H, W)))
    whole = losses.get(name, reduction=reduction, **{**arguments, "per_image": False})
    expected, _ = reference(name, y_true, y_pred, from_logits=True, per_image=False)
    np.testing.assert_allclose(whole(y_true, y_pred), expected, rtol=5e-6)
    with pytest.raises(ValueError, match="takes the batch as one picture, and no sample_weight"):
        whole(y_true, y_pred, image_weight)


def small_model(head_dtype="float32"):
    """Return a model of two 1x1 layers, [B, 6, 7, 3] -> logits [B, 6, 7, 3]."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 7, 3))
    return keras.Model(
        inputs, keras.layers.Dense(3, dtype=head_dtype)(keras.layers.Dense(6, activation="relu")(inputs))
    )


def examples(count=6):
    rng = np.random.default_rng(6)
    images = rng.normal(0, 1, (count, 6, 7, 3)).astype(np.float32)
    return images, images.argmax(axis=-1).astype(np.uint8)


@each_loss
def test_round_trip_inside_a_saved_model(name, tmp_path):
    model = small_model()
    loaded = contract.check_round_trip(name, model, OTHER_VALUES, tmp_path)
    images, labels = examples()
    assert float(loaded(labels, model(images))) == float(model.loss(labels, model(images)))


@pytest.mark.parametrize(
    "name", [one if one == "lovasz_softmax" else pytest.param(one, marks=pytest.mark.long) for one in NAMES]
)
def test_fit_compiled_in_mixed_precision(name):
    contract.check_fit_in_mixed_precision(name, small_model, *examples())


@each_loss
def test_loss_scaling_changes_no_step(name):
    contract.check_loss_scaling(name, small_model, *examples())
