"""KerasCV backbones by explicit configuration: nothing here touches the network."""

from collections.abc import Callable
from typing import Any

import keras
import keras_cv

InputShape = tuple[int | None, int | None, int]


@keras.saving.register_keras_serializable(package="metricfit")
class EfficientNetLiteFeatures(keras_cv.models.EfficientNetLiteBackbone):
    """EfficientNet-Lite whose P5 is the last stage's output instead of the classifier's 1280-channel top."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        last_stage = max(layer.name for layer in self.layers if layer.name.endswith("_project_bn"))
        self.pyramid_level_inputs["P5"] = last_stage


def efficientnet_lite0(input_shape: InputShape) -> keras.Model:
    """EfficientNet-Lite0 (3.4 M parameters)."""
    return _efficientnet_lite(input_shape, width=1.0, depth=1.0)


def efficientnet_lite1(input_shape: InputShape) -> keras.Model:
    """EfficientNet-Lite1 (4.2 M parameters)."""
    return _efficientnet_lite(input_shape, width=1.0, depth=1.1)


def efficientnet_lite2(input_shape: InputShape) -> keras.Model:
    """EfficientNet-Lite2 (4.9 M parameters)."""
    return _efficientnet_lite(input_shape, width=1.1, depth=1.2)


def _efficientnet_lite(input_shape: InputShape, *, width: float, depth: float) -> keras.Model:
    """The stages of the reference implementation."""
    return EfficientNetLiteFeatures(
        input_shape=input_shape,
        include_rescaling=False,
        width_coefficient=width,
        depth_coefficient=depth,
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1, 2, 2, 3, 3, 4, 1],
        stackwise_input_filters=[32, 16, 24, 40, 80, 112, 192],
        stackwise_output_filters=[16, 24, 40, 80, 112, 192, 320],
        stackwise_expansion_ratios=[1, 6, 6, 6, 6, 6, 6],
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
    )


def mobilenet_v3_small(input_shape: InputShape) -> keras.Model:
    """MobileNetV3-small (0.9 M parameters)."""
    return keras_cv.models.MobileNetV3Backbone(
        input_shape=input_shape,
        stackwise_expansion=[1, 72 / 16, 88 / 24, 4, 6, 6, 3, 3, 6, 6, 6],
        stackwise_filters=[16, 24, 24, 40, 40, 40, 48, 48, 96, 96, 96],
        stackwise_kernel_size=[3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5],
        stackwise_stride=[2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1],
        stackwise_se_ratio=[0.25, None, None] + [0.25] * 8,
        stackwise_activation=["relu"] * 3 + ["hard_swish"] * 8,
        include_rescaling=False,
    )


def mobilenet_v3_large(input_shape: InputShape) -> keras.Model:
    """MobileNetV3-large (3.0 M parameters)."""
    return keras_cv.models.MobileNetV3Backbone(
        input_shape=input_shape,
        stackwise_expansion=[1, 4, 3, 3, 3, 3, 6, 2.5, 2.3, 2.3, 6, 6, 6, 6, 6],
        stackwise_filters=[16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160],
        stackwise_kernel_size=[3, 3, 3, 5, 5, 5, 3, 3, 3, 3, 3, 3, 5, 5, 5],
        stackwise_stride=[1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1],
        stackwise_se_ratio=[None] * 3 + [0.25] * 3 + [None] * 4 + [0.25] * 5,
        stackwise_activation=["relu"] * 6 + ["hard_swish"] * 9,
        include_rescaling=False,
    )


def resnet34(input_shape: InputShape) -> keras.Model:
    """ResNet34, version 1 (21.3 M parameters), of which BASNet is made."""
    return _resnet(input_shape, "basic_block")


def resnet50(input_shape: InputShape) -> keras.Model:
    """ResNet50, version 1 (23.6 M parameters)."""
    return _resnet(input_shape, "block")


def _resnet(input_shape: InputShape, block_type: str) -> keras.Model:
    return keras_cv.models.ResNetBackbone(
        input_shape=input_shape,
        include_rescaling=False,
        stackwise_filters=[64, 128, 256, 512],
        stackwise_blocks=[3, 4, 6, 3],
        stackwise_strides=[1, 2, 2, 2],
        block_type=block_type,
    )


BACKBONES: dict[str, Callable[[InputShape], keras.Model]] = {
    "efficientnet_lite0": efficientnet_lite0,
    "efficientnet_lite1": efficientnet_lite1,
    "efficientnet_lite2": efficientnet_lite2,
    "mobilenet_v3_small": mobilenet_v3_small,
    "mobilenet_v3_large": mobilenet_v3_large,
    "resnet50": resnet50,
}

# Layers behind P5 that only a classifier would use.
CLASSIFIER_TOPS = ("top_conv", "top_bn", "Conv_1", "Conv_1_BatchNorm")

# Factor and offset per channel that turn 0-255 into what the backbone's published weights were trained on.
_UNIT_RANGE = ([1 / 255.0] * 3, [0.0] * 3)
_DEVIATIONS = (0.229, 0.224, 0.225)
STANDARDISED = (
    [1 / (255.0 * deviation) for deviation in _DEVIATIONS],
    [-mean / deviation for mean, deviation in zip((0.485, 0.456, 0.406), _DEVIATIONS)],
)
PREPROCESSING = {name: STANDARDISED if name.startswith("efficientnet_lite") else _UNIT_RANGE for name in BACKBONES}
