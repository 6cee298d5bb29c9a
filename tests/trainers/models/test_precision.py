"""Mixed precision: what every network still computes in float32."""

from functools import partial

import keras
import numpy as np
import pytest

from metricfit.trainers.models.deeplab import build_deeplab
from metricfit.trainers.models.deeply_supervised.amulet import build_amulet
from metricfit.trainers.models.deeply_supervised.dhs import build_dhs
from metricfit.trainers.models.deeply_supervised.dss import build_dss
from metricfit.trainers.models.detector.retinanet import build_retinanet
from metricfit.trainers.models.enet import build_enet
from metricfit.trainers.models.precision import dtype_policy

NAMES = ("background", "disc")
BUILDERS = {
    "deeplab": partial(build_deeplab, "tiny", aspp_channels=8, head_channels=8),
    "dss": partial(build_dss, "tiny", width=0.05),
    "dhs": partial(build_dhs, "tiny", width=0.05),
    "amulet": partial(build_amulet, "tiny", width=0.05),
    "enet": partial(build_enet, class_names=NAMES),
    "retinanet": partial(build_retinanet, "tiny", class_names=NAMES, channels=8, head_layers=0, scales_per_octave=1),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_logits_are_made_in_float32(name, tiny):
    with dtype_policy("mixed_float16"):
        model = BUILDERS[name](size=32)
    assert any(layer.compute_dtype == "float16" for layer in model._flatten_layers())
    for layer in model._flatten_layers():
        if layer.name in ("head_logits", "fused", "finest", "last"):
            kernel, bias = layer.get_weights()
            layer.set_weights([0 * kernel, 0 * bias + 2049])  # which float16 rounds to 2048
    for logits in keras.tree.flatten(model(np.zeros((1, 32, 32, 3), np.uint8))):
        np.testing.assert_allclose(logits, np.full(logits.shape, 2049.0), rtol=1e-6)


@pytest.mark.parametrize("name", ["dss", "retinanet"])
def test_what_is_made_again_keeps_its_precision(name, tiny):
    with dtype_policy("mixed_float16"):
        model = BUILDERS[name](size=32)
    again = type(model).from_config(model.get_config())
    computed = [
        [layer.compute_dtype for layer in one._flatten_layers() if layer.weights and not isinstance(layer, keras.Model)]
        for one in (model, again)
    ]
    assert computed[0] == computed[1]
    assert set(computed[0]) == {"float16", "float32"}
