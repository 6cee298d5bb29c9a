"""Losses under `tf.distribute`: what two replicas add up to, beside one of them and beside a loss of Keras' own."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses.replicas import Replicas, counted_traffic, replica_count

from .modes import MODES

OF_THE_BATCH = ("balanced_cross_entropy",)  # gives a value a picture, but looks at the whole batch for its weights

# by how much a sum over four pictures, or the losses of two replicas, is more than their mean
SUMMED = {"floss": 4, "lovasz_hinge": 4, "lovasz_softmax": 2, "focal": 2}


class ByKeras(keras.losses.Loss):
    """What Keras makes of one value an example."""

    def call(self, y_true, y_pred):
        return losses.floss(y_true, y_pred, from_logits=True)


def step(loss, labels, inputs):
    """Give the value of the loss of a model of one weight, and the gradient to it."""
    weight = tf.constant(0.7)
    with tf.GradientTape() as tape:
        tape.watch(weight)
        value = tf.reduce_sum(loss(labels, weight * inputs))
    return value, tape.gradient(value, weight)


def made(name, **arguments):
    hyperparameters = losses.LOSSES[name].hyperparameters
    return losses.get(name, **({"from_logits": True} if "from_logits" in hyperparameters else {}), **arguments)


def example(name, pictures=4):
    """Make up labels and what is weighed to predictions, of `pictures` pictures."""
    rng, task = np.random.default_rng(0), losses.LOSSES[name].task
    inputs = rng.normal(0, 2, (pictures, 5, 4, 3)).astype(np.float32)
    if task == "segmentation":
        return rng.integers(0, 3, (pictures, 5, 4)), inputs
    labels = (inputs[..., 0] + rng.normal(0, 1, (pictures, 5, 4)) > 0.5).astype(np.float32)
    return labels, inputs[..., 0]


def of_two(strategy, loss, labels, inputs):
    """Give what the replicas, with half of the pictures each, add up to."""
    half = len(inputs) // 2
    parts = [[tf.constant(array[part]) for array in (labels, inputs)] for part in (slice(half), slice(half, None))]

    def part_of(context):
        return tuple(parts[context.replica_id_in_sync_group])

    given = strategy.experimental_distribute_values_from_function(part_of)
    results = strategy.run(lambda both: step(loss, *both), args=(given,))
    return [float(strategy.reduce("SUM", result, axis=None)) for result in results]


def check(strategy):
    """Compare every loss on two replicas with itself on one; called in a process that has two."""
    for name in losses.LOSSES:
        if getattr(losses.LOSSES[name].loss_class, "needs", None):
            continue
        labels, inputs = example(name)
        of_pictures = losses.LOSSES[name].task == "saliency" and name not in OF_THE_BATCH
        if of_pictures:
            expected = step(made(name), labels, inputs)
        else:
            # of the batch: the same half twice is what it is once
            labels, inputs = (np.concatenate([array[:2]] * 2) for array in (labels, inputs))
            expected = step(made(name), labels[:2], inputs[:2])
        found = of_two(strategy, made(name), labels, inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=name)
        if name not in SUMMED:
            continue
        whole = of_two(strategy, made(name, reduction="sum"), labels, inputs)
        np.testing.assert_allclose(whole, np.multiply(found, SUMMED[name]), rtol=1e-5, err_msg=name)
    for name in ("lovasz_softmax", "lovasz_hinge"):
        labels, inputs = example(name)
        expected = step(made(name, per_image=True), labels, inputs)
        np.testing.assert_allclose(of_two(strategy, made(name, per_image=True), labels, inputs), expected, rtol=1e-5)
    labels, inputs = example("floss")
    for reduction in ("none", "mean", "mean_with_sample_weight"):
        found = of_two(strategy, made("floss", reduction=reduction), labels, inputs)
        np.testing.assert_allclose(found, of_two(strategy, ByKeras(reduction=reduction), labels, inputs), rtol=1e-6)
    check_fit(strategy)


def check_fit(strategy):
    """See that a step of `fit` moves the weights as it does on one replica, and reports the same loss."""
    labels, inputs = (np.concatenate([array[:2]] * 2) for array in example("softmax_cross_entropy"))
    loss = losses.combined(softmax_cross_entropy=1.0, lovasz_softmax=0.5, from_logits=True)
    weights, reported = [], []
    for used, pictures in ((strategy, 4), (tf.distribute.get_strategy(), 2)):
        with used.scope():
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((5, 4, 3)), keras.layers.Dense(3)])
            model.compile(keras.optimizers.SGD(0.5), loss)
        reported += model.fit(
            inputs[:pictures], labels[:pictures], batch_size=pictures, shuffle=False, verbose=0
        ).history["loss"]
        weights.append(keras.ops.convert_to_numpy(model.trainable_variables[0]))
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(reported[0], reported[1], rtol=1e-5)


def check_messages():
    """See what four replicas tell each other, outside of graphs, in one, and under XLA."""
    devices = [f"CPU:{number}" for number in range(4)]
    strategy = tf.distribute.MirroredStrategy(devices, cross_device_ops=tf.distribute.ReductionToOneDevice())

    def told(values):
        joined, alone = Replicas("global"), Replicas("replica")
        assert (joined.running, joined.joined, alone.running, alone.joined, replica_count()) == (4, 4, 4, 1, 4)
        found = []
        for replicas in (joined, alone):
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(values)
                part = replicas.share(tf.reduce_sum(values**2))
                whole = replicas.divide(tf.reduce_sum(values**2))
            found += [replicas.sum(values), replicas.gather(values), replicas.own(replicas.gather(values))]
            found += [replicas.largest(values), replicas.gather(tf.cast(values, tf.int32)), part, whole]
            found += [tape.gradient(part, values), tape.gradient(whole, values)]
        return found

    own = np.float32([[1, -2], [3, 4], [-5, 6], [7, 8]])
    given = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(own[context.replica_id_in_sync_group])
    )
    squares = (own**2).sum(axis=1)
    for mode in MODES.values():
        results = mode(lambda given: strategy.run(told, args=(given,)))(given)
        for number, found in enumerate(zip(*map(strategy.experimental_local_results, results))):
            expected = [own.sum(axis=0), own.ravel(), own[number], own.max(axis=0), own.ravel(), squares.sum() / 4]
            expected += [squares[number] / 4, 2 * own[number], 2 * own[number]]
            expected += [*[own[number]] * 5, *[squares[number] / 4] * 2, *[own[number] / 2] * 2]
            for actual, wanted in zip(found, expected, strict=True):
                np.testing.assert_allclose(actual, wanted, rtol=1e-6)
    with counted_traffic() as traffic:
        strategy.run(told, args=(given,))
    # two sums of two numbers and one of one; four gatherings of two
    assert (traffic.reduced, traffic.gathered, traffic.messages) == (8 + 4, 4 * 8, 6)


def test_outside_of_replicas_nothing_is_sent():
    values = tf.constant([1.0, -2.0])
    for scope in ("global", "replica"):
        replicas = Replicas(scope)
        assert (replicas.running, replicas.joined, replica_count()) == (1, 1, 1)
        for same in (replicas.sum, replicas.gather, replicas.own, replicas.largest, replicas.share, replicas.divide):
            np.testing.assert_array_equal(same(values), values)


@pytest.mark.parametrize(("devices", "called"), [(4, "check_messages()"), (2, "check(two)")])
def test_replicas_do_what_one_does(devices, called):
    program = f"""
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * {devices})
        from metricfit.tests.losses import test_replicas
        reduction = tf.distribute.ReductionToOneDevice()
        two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=reduction)
        test_replicas.{called}
        print("equal")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "equal" in done.stdout
