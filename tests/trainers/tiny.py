"""A backbone of four blocks, so that whole trainings and XLA compilations fit into a test."""

import keras_cv
import pytest

from metricfit.trainers.models import backbones


def tiny_backbone(input_shape):
    return keras_cv.models.MobileNetV3Backbone(
        input_shape=input_shape,
        stackwise_expansion=[1, 2, 2, 2],
        stackwise_filters=[8, 8, 16, 16],
        stackwise_kernel_size=[3, 3, 3, 3],
        stackwise_stride=[2, 2, 2, 2],
        stackwise_se_ratio=[None, None, None, 0.25],
        stackwise_activation=["relu", "relu", "hard_swish", "hard_swish"],
        include_rescaling=False,
    )


@pytest.fixture(scope="module")
def tiny():
    """Register the backbone "tiny" for one module; gives its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BACKBONES, "tiny", tiny_backbone)
        patch.setitem(backbones.PREPROCESSING, "tiny", ([1 / 255.0] * 3, [0.0] * 3))
        yield "tiny"
