"""What is measured on pictures when weights are read back; whole files are read in the tests of the verbs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.export.formats.functions import write_stages
from metricfit.export.signatures import IMAGE, Stages
from metricfit.trainers.models import read_back as reading
from metricfit.trainers.models.preparation import picture_input
from metricfit.trainers.models.read_back import BATCH, Kernel, _measure, _steps


def test_a_normalisation_is_measured_on_all_pictures_and_keeps_what_it_does():
    rng = np.random.default_rng(0)
    image = keras.Input((4, 4, 3))
    convolution = keras.layers.Conv2D(5, 3, bias_initializer="ones")
    norm = keras.layers.BatchNormalization()
    model = keras.Model(image, norm(convolution(image)))
    pictures = rng.normal(3, 1, (BATCH + 3, 4, 4, 3)).astype(np.float32)
    (step,) = _steps(model, pictures[:1])
    (call,) = step.calls
    assert (step.layer, call.normalisation) == (convolution, norm)
    call.factor, call.offset = rng.normal(size=5), rng.normal(size=5)
    _measure(model, [call], pictures)
    reached = np.asarray(convolution(pictures), np.float64)
    np.testing.assert_allclose(norm.moving_mean, reached.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, reached.var(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(model(pictures), call.factor * reached + call.offset, atol=1e-4)


def test_layers_without_a_name_are_taken_in_order_whatever_their_numbers(monkeypatch):
    """Their numbers say how many were made before in that process: those of the file are of another one."""
    image = keras.Input((4, 4, 3))
    blocks = [
        keras.Sequential(
            [keras.layers.Conv2D(5, 3, padding="same", name=f"conv2d_{number}")], name=f"sequential_{number}"
        )
        for number in (2, 3, 4)
    ]
    model = keras.Model(image, keras.layers.Add()([block(image) for block in blocks]))
    rng = np.random.default_rng(0)
    kernels = [
        Kernel(
            rng.normal(size=(3, 3, 3, 5)).astype(np.float32),
            np.zeros(5),
            f"sequential_{number}/conv2d_{number}/convolution",
        )
        for number in (1, 2, 3)
    ]
    monkeypatch.setattr(reading, "read_kernels", lambda content: list(kernels))
    monkeypatch.setattr(reading, "check_agrees", lambda *_: None)
    reading.read_back(model, b"", np.zeros((1, 4, 4, 3), np.float32))
    for block, kernel in zip(blocks, kernels):
        np.testing.assert_array_equal(block.layers[0].kernel, kernel.values)


def test_a_kernel_that_takes_pictures_as_they_are_has_their_scale_in_it(tmp_path, monkeypatch):
    """A converter may put one number for all channels into the first kernel, which would be taken twice."""

    def network():
        image, scaled = picture_input(16, 1 / 255)
        hidden = keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="first")(scaled)
        hidden = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm")(hidden))
        return keras.Model(image, keras.layers.Conv2D(2, 1, name="last")(hidden), name="network")

    rng, model = np.random.default_rng(0), network()
    for weight in model.weights:
        weight.assign(
            rng.uniform(0.3, 1, weight.shape) * rng.choice([-1, 1], weight.shape) ** ("kernel" in weight.path)
        )
    pictures = rng.integers(0, 256, (4, 16, 16, 3), np.uint8)

    body = Stages(lambda image: {"logits": model(image, training=False)})
    write_stages(body, tmp_path / "network", {IMAGE: tf.TensorSpec((1, 16, 16, 3), tf.uint8)})
    content = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "network")).convert()
    assert [kernel.of_pictures for kernel in reading.read_kernels(content)] == [True, False], "it was put there"
    read = network()
    reading.read_back(read, content, pictures)
    np.testing.assert_allclose(read(pictures, training=False), model(pictures, training=False), rtol=1e-3, atol=1e-4)
    assert np.abs(read.get_layer("first").kernel).max() > 0.3, "that of a network of its own"

    monkeypatch.setattr(reading, "_scale", lambda model: np.float32(1))
    with pytest.raises(ValueError, match="the network would compute something else than the file"):
        reading.read_back(network(), content, pictures)
