"""KerasHub's encoders by explicit configuration: nothing here touches the network."""

from collections.abc import Callable
from typing import Any

import keras
import keras_hub

from ..backbones.builders import STANDARDISED, InputShape

PREPROCESSING = STANDARDISED
"""Factor and offset per channel that turn 0-255 into what KerasHub's presets of these encoders were trained on."""


@keras.saving.register_keras_serializable(package="metricfit")
class HubEfficientNetLite(keras_hub.models.EfficientNetBackbone):
    """EfficientNet-Lite whose P5 is the last stage's output instead of the classifier's 1280-channel top."""

    pyramid_outputs: dict[str, Any]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        last_stage = max(layer.name for layer in self.layers if layer.name.endswith("_project_bn"))
        self.pyramid_outputs = {**self.pyramid_outputs, "P5": self.get_layer(last_stage).output}


def efficientnet_lite0(input_shape: InputShape) -> keras.Model:
    """EfficientNet-Lite0 (3.4 M parameters), padded alike on all sides, as PyTorch does and KerasCV does not."""
    return HubEfficientNetLite(
        input_shape=input_shape,
        stackwise_width_coefficients=[1.0] * 7,
        stackwise_depth_coefficients=[1.0] * 7,
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1, 2, 2, 3, 3, 4, 1],
        stackwise_input_filters=[32, 16, 24, 40, 80, 112, 192],
        stackwise_output_filters=[16, 24, 40, 80, 112, 192, 320],
        stackwise_expansion_ratios=[1, 6, 6, 6, 6, 6, 6],
        stackwise_squeeze_and_excite_ratios=[0] * 7,
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
        stackwise_block_types=["v1"] * 7,
        dropout=0,
        min_depth=None,
        use_depth_divisor_as_min_depth=True,
        cap_round_filter_decrease=True,
        activation="relu6",
    )


def resnet18(input_shape: InputShape) -> keras.Model:
    """ResNet18, version 1 (11.2 M parameters)."""
    return resnet(input_shape, [2, 2, 2, 2], "basic_block")


def resnet34(input_shape: InputShape) -> keras.Model:
    """ResNet34, version 1 (21.3 M parameters)."""
    return resnet(input_shape, [3, 4, 6, 3], "basic_block")


def resnet50(input_shape: InputShape) -> keras.Model:
    """ResNet50, version 1 (23.6 M parameters)."""
    return resnet(input_shape, [3, 4, 6, 3], "bottleneck_block")


def resnet101(input_shape: InputShape) -> keras.Model:
    """ResNet101, version 1 (42.7 M parameters)."""
    return resnet(input_shape, [3, 4, 23, 3], "bottleneck_block")


def resnet(
    input_shape: InputShape, blocks: list[int], block_type: str, filters: tuple[int, ...] = (64, 128, 256, 512)
) -> keras.Model:
    """ResNet with so many blocks in each of its four stacks."""
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=list(filters),
        stackwise_num_blocks=blocks,
        stackwise_num_strides=[1, 2, 2, 2],
        block_type=block_type,
        image_shape=input_shape,
    )


ENCODERS: dict[str, Callable[[InputShape], keras.Model]] = {
    "efficientnet_lite0": efficientnet_lite0,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
}
