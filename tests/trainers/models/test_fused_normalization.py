"""The fused kernel against Keras's own batch normalisation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.models.layers.fused_normalization import fuse


def _layer(fused: bool, **settings) -> keras.layers.BatchNormalization:
    keras.utils.set_random_seed(1)
    layer = keras.layers.BatchNormalization(
        momentum=0.9, gamma_initializer="random_normal", beta_initializer="random_normal", **settings
    )
    layer.build((None, 5, 6, 4))
    if fused:
        fuse(layer)
    return layer


def _train(layer, inputs, **arguments):
    """Outputs, gradients, and what the statistics are afterwards, of one training step in a graph."""

    @tf.function
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True, **arguments)
            value = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float32)))
        return outputs, tape.gradient(value, [inputs, *layer.trainable_variables])

    outputs, gradients = step(inputs)
    operators = {operator.type for operator in step.get_concrete_function(inputs).graph.get_operations()}
    return [outputs, *gradients, layer.moving_mean.value, layer.moving_variance.value], operators


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
def test_a_training_step_is_that_of_keras(scale, centre, epsilon):
    inputs = tf.constant(np.random.default_rng(0).normal(3, 2, (2, 5, 6, 4)).astype(np.float32))
    settings = {"scale": scale, "center": centre, "epsilon": epsilon}
    fused, operators = _train(_layer(True, **settings), inputs)
    plain, plain_operators = _train(_layer(False, **settings), inputs)
    for ours, theirs in zip(fused, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)
    assert "FusedBatchNormGradV3" in operators
    assert "FusedBatchNormGradV3" not in plain_operators


def test_half_precision_keeps_its_statistics_in_single_precision():
    inputs = tf.constant(np.random.default_rng(0).normal(3, 2, (2, 5, 6, 4)), tf.bfloat16)
    fused, _ = _train(_layer(True, dtype="mixed_bfloat16"), inputs)
    plain, _ = _train(_layer(False, dtype="mixed_bfloat16"), inputs)
    assert fused[0].dtype == plain[0].dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(fused[0], tf.float32), tf.cast(plain[0], tf.float32), atol=0.02)
    for ours, theirs in zip(fused[-2:], plain[-2:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "arguments", "frozen"),
    [((6, 4), {}, False), ((2, 5, 6, 4), {}, True), ((2, 5, 6, 4), {"mask": np.ones((2, 5, 6), bool)}, False)],
    ids=["rank 2", "frozen", "masked"],
)
def test_what_the_kernel_does_not_take_goes_the_plain_way(shape, arguments, frozen):
    inputs = tf.constant(np.random.default_rng(0).normal(3, 2, shape).astype(np.float32))
    results = []
    for fused in (True, False):
        layer = keras.layers.BatchNormalization()
        layer.build(shape)
        layer.trainable = not frozen
        if fused:
            fuse(layer)
        results.append(_train(layer, inputs, **arguments))
    assert "FusedBatchNormV3" not in results[0][1]
    for ours, theirs in zip(results[0][0], results[1][0], strict=True):
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_inference_and_saved_files_know_nothing_of_it(tmp_path):
    image = keras.Input((5, 6, 4))
    layer = keras.layers.BatchNormalization()
    model = keras.Model(image, layer(image))
    fuse(layer)
    inputs = np.random.default_rng(0).normal(3, 2, (8, 5, 6, 4)).astype(np.float32)
    model.compile("sgd", "mse")
    model.fit(inputs, inputs, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert "call" not in vars(loaded.layers[-1])
    np.testing.assert_allclose(loaded(inputs), model(inputs), rtol=1e-6)
