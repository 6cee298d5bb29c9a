"""A first model's logits, scaled and shifted for the loss that goes on with it."""

import keras
import numpy as np
import pytest

from metricfit.trainers.models.deeplab import build_deeplab
from metricfit.trainers.models.deeply_supervised.dhs import build_dhs
from metricfit.trainers.models.deeply_supervised.dss import build_dss
from metricfit.trainers.models.scaled_logits import scale_and_shift_logits

from ...conftest import registered

BUILDERS = {
    "deeplab": build_deeplab,
    "dss": lambda name, size: build_dss(name, size=size, width=0.05),
    "dhs": lambda name, size: build_dhs(name, size=size, width=0.05),
}


def logits_convolution(model):
    return next(layer for layer in model._flatten_layers() if layer.name in ("head_logits", "fused", "finest"))


@pytest.mark.parametrize("name", BUILDERS)
def test_the_map_is_scaled_around_the_threshold(name):
    keras.utils.set_random_seed(0)
    with registered():
        model = BUILDERS[name]("tiny", size=64)
    rng = np.random.default_rng(0)
    convolution = logits_convolution(model)
    # The maps of a fresh model are all but constant.
    convolution.set_weights([rng.normal(0, 100, convolution.kernel.shape), np.array([0.3])])
    pictures = rng.integers(0, 256, (2, 64, 64, 3), np.uint8)
    sides = model(pictures, training=True).numpy()
    before = model(pictures).numpy()  # behind the line above, which moves the moving averages
    scale_and_shift_logits(model, scale=8.0, threshold=0.7)
    expected = 8 * (before - np.log(0.7 / 0.3))
    assert np.ptp(before) > 0.1, "a constant map would prove nothing"
    np.testing.assert_allclose(model(pictures), expected, rtol=1e-4, atol=1e-3)
    if name != "deeplab":
        np.testing.assert_allclose(model(pictures, training=True)[..., 1:], sides[..., 1:], rtol=1e-4, atol=1e-3)


def test_a_model_without_logits_is_refused():
    with pytest.raises(ValueError, match="no single convolution"):
        scale_and_shift_logits(keras.Sequential([keras.layers.Dense(1)]), scale=2.0, threshold=0.5)
