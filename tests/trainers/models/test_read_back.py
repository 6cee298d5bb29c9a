"""What is measured on pictures when weights are read back; whole files are read in the tests of the verbs."""

import keras
import numpy as np

from metricfit.trainers.models import read_back as reading
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
    reading.read_back(model, b"", np.zeros((1, 4, 4, 3), np.float32))
    for block, kernel in zip(blocks, kernels):
        np.testing.assert_array_equal(block.layers[0].kernel, kernel.values)
