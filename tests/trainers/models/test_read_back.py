"""What is measured on pictures when weights are read back; whole files are read in the tests of the verbs."""

import keras
import numpy as np

from metricfit.trainers.models.read_back import BATCH, _measure, _steps


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
