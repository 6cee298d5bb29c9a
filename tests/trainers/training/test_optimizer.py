"""The optimizers of a training: how the learning rate rises and falls, and what weight decay leaves alone."""

import keras
import numpy as np
import pytest

from metricfit.trainers.training.config import SaliencyConfig, SegmentationConfig
from metricfit.trainers.training.optimizer import build_optimizer


def rates(config, total, steps):
    schedule = build_optimizer(config, total)._learning_rate
    return [float(schedule(step)) for step in steps]


def test_by_default_the_rate_rises_over_a_share_of_the_steps_and_falls_as_a_cosine():
    config = SaliencyConfig(learning_rate=1e-2, warmup_share=0.2)
    found = rates(config, 100, (0, 10, 20, 60, 100, 150))
    assert found == pytest.approx([5e-4, 5.25e-3, 1e-2, 5e-3, 0, 0], abs=1e-8)
    # Five hundredths of the steps, of however many.
    assert rates(SaliencyConfig(), 2000, (0, 50, 100)) == pytest.approx([1e-5, 5.05e-4, 1e-3], rel=1e-5)
    assert rates(SaliencyConfig(), 3, (0, 1)) == pytest.approx([1e-3, 1e-3]), "no rise within a single step"


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_weight_decay_spares_biases_normalisations_and_slopes(optimizer):
    config = SegmentationConfig(optimizer=optimizer, learning_rate=0.5, weight_decay=0.5, warmup_share=0)
    layers = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Conv2D(2, 3, bias_initializer="ones"),
            keras.layers.BatchNormalization(beta_initializer="ones"),
            keras.layers.PReLU(alpha_initializer="ones"),
            keras.layers.Dense(2, bias_initializer="ones"),
        ]
    )
    variables = layers.trainable_variables
    before = [np.array(variable) for variable in variables]
    built = build_optimizer(config, 1000)
    built.apply([np.zeros(variable.shape, np.float32) for variable in variables], variables)
    shrunk = {variable.path.rpartition("/")[2] for variable, value in zip(variables, before)
              if not np.array_equal(np.array(variable), value)}  # fmt: skip
    assert shrunk == {"kernel"}
    assert {variable.path.rpartition("/")[2] for variable in variables} == {"kernel", "bias", "gamma", "beta", "alpha"}
    for variable, value in zip(variables, before):
        if variable.path.endswith("kernel"):
            np.testing.assert_allclose(variable, 0.75 * value, rtol=1e-5)
