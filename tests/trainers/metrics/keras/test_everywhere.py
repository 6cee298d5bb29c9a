"""Every Keras metric in `compile`: saved and loaded, in half precision, under XLA, on two replicas, added up."""

import subprocess
import sys
import textwrap
from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf

import metricfit
from metricfit import metrics

SALIENCY = {
    "FMeasure": {"beta2": 0.5, "average": "images"},
    "MaxFMeasure": {"beta2": 0.5},
    "MeanFMeasure": {"average": "images"},
    "FMeasureAt": {"threshold": 0.4, "beta2": 1.0},
    "MAE": {},
    "SMeasure": {"alpha": 0.4},
    "EMeasure": {},
    "WeightedFMeasure": {"beta2": 0.3},
}
CLASSES = {"MIoU": {"num_classes": 3, "over": "image", "present": False}}
EVERY = SALIENCY | CLASSES


def data(count=6, side=12):
    rng = np.random.default_rng(0)
    images = rng.random((count, side, side, 3), np.float32)
    labels = (images.mean(axis=-1) > 0.5).astype(np.int32) + (images[..., 0] > 0.8)
    labels[:, 0] = 255
    return images, labels


def build(names=tuple(SALIENCY), jit=False, seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((12, 12, 3))
    saliency = names[0] in SALIENCY
    logits = keras.layers.Conv2D(1 if saliency else 3, 3, padding="same")(inputs)
    if saliency:
        logits = keras.layers.Reshape((12, 12))(logits)
    model = keras.Model(inputs, logits)
    options = {"from_logits": True} if saliency else {}
    chosen = [getattr(metrics, name)(**EVERY[name], **options) for name in names]
    chosen += [] if saliency else [metrics.MIoU(3), metrics.MIoU(3, present=False)]
    loss = "mse" if saliency else keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    model.compile("sgd", loss, metrics=chosen, jit_compile=jit)
    return model


def targets(labels, names):
    return np.where(labels == 2, 1, labels) if names[0] in SALIENCY else labels


@pytest.fixture(params=[tuple(SALIENCY), tuple(CLASSES)], ids=["saliency", "classes"])
def names(request):
    return request.param


def evaluated(model, names, batch_size=4):
    images, labels = data()
    return model.evaluate(images, targets(labels, names), batch_size=batch_size, return_dict=True, verbose=0)


@cache
def plain(names):
    """A model as it usually is, which no test changes, and what its metrics say."""
    model = build(names)
    return model, evaluated(model, names)


def test_every_public_metric_is_tried():
    classes = {name for name in metrics.__all__ if issubclass(getattr(metrics, name), keras.metrics.Metric)}
    assert classes == set(EVERY)
    assert metricfit.metrics is metrics


@pytest.mark.parametrize("name", EVERY)
def test_config_round_trip(name):
    metric = getattr(metrics, name)(**EVERY[name], ignore_label=7, name="other")
    saved = keras.saving.serialize_keras_object(metric)
    assert saved["registered_name"] == f"metricfit>{name}"
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert {key: again.get_config()[key] for key in EVERY[name]} == EVERY[name]
    assert again.ignore_label == 7


def test_a_saved_model_keeps_its_metrics(names, tmp_path):
    model, before = plain(names)
    model.save(tmp_path / "model.keras")
    after = evaluated(keras.saving.load_model(tmp_path / "model.keras"), names)
    assert after == pytest.approx(before, abs=1e-6)
    assert len(before) >= 2


def test_xla(names):
    # XLA compiles each size of a batch anew, and figures do not depend on it
    assert evaluated(build(names, jit=True), names, batch_size=3) == pytest.approx(plain(names)[1], abs=2e-6)


def test_fit():
    images, labels = data()
    names = ("SMeasure", "EMeasure", "MAE")
    history = build(names).fit(images, targets(labels, names), batch_size=3, verbose=0).history
    assert {"s_measure", "adaptive_e", "mean_e", "max_e", "mae"} < set(history)
    assert all(0 < values[0] <= 1.01 for name, values in history.items() if name != "loss")


def test_half_precision_keeps_its_sums(names):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build(names)
        found = evaluated(model, names)
        assert model.compute_dtype == "float16"
        assert all(
            variable.dtype in ("float32", "float64") for metric in model.metrics for variable in metric.variables
        )
    finally:
        keras.config.set_dtype_policy(before)
    whole, expected = plain(names)
    for one, other in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", EVERY)
def test_states_of_two_parts_add_up(name):
    images, labels = data()
    predicted = plain(tuple(SALIENCY if name in SALIENCY else CLASSES))[0](images)
    labels = targets(labels, [name])
    options = EVERY[name] | ({"from_logits": True} if name in SALIENCY else {})
    whole, first, second = (getattr(metrics, name)(**options) for _ in range(3))
    whole.update_state(labels, predicted)
    first.update_state(labels[:2], predicted[:2])
    second.update_state(labels[2:], predicted[2:])
    for variable, other in zip(first.variables, second.variables):
        assert variable.aggregation == "sum"
        variable.assign(variable + other)
    for one, other in zip(tf.nest.flatten(first.result()), tf.nest.flatten(whole.result())):
        assert float(one) == pytest.approx(float(other), abs=1e-6)


@pytest.mark.slow
@pytest.mark.long  # mIoU is tried in losses/replicated.py; that states are sums, and add up, above
def test_two_replicas_give_what_one_gives():
    program = """
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        from metricfit.tests.trainers.metrics.keras import test_everywhere as tests
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert strategy.num_replicas_in_sync == 2
        for names in (tuple(tests.SALIENCY), tuple(tests.CLASSES)):
            with strategy.scope():
                model = tests.build(names)
            found, expected = tests.evaluated(model, names), tests.evaluated(tests.build(names), names)
            assert set(found) == set(expected)
            for name in set(found) - {"loss"}:
                assert abs(found[name] - expected[name]) < 1e-6, (name, found[name], expected[name])
        print("equal")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "equal" in done.stdout
