"""DeepLabV3+ of KerasCV with a head that ends in logits, for raw 0-255 pictures."""

from collections.abc import Sequence

import keras
import keras_cv

from ..geometry import InputSize, height_width
from .backbones.builders import PREPROCESSING
from .backbones.weights import load_backbone
from .layers.logits import ClassLogits
from .preparation import picture_input, prepare_for_training

# Dilations in units of P5's pixels (stride 32): wider ones would see only padding at 192 to 320 px.
ASPP_DILATIONS = (1, 2, 3)
WIDTHS = {"mobilenet_v3_small": (96, 48), "mobilenet_v3_large": (128, 64)}
_DEFAULT_WIDTHS = (192, 96)
CLASS_LAYER = "head_logits"  # the layer whose weights are the classes' own


def build_deeplab(
    backbone: str = "efficientnet_lite0",
    *,
    size: InputSize,
    weights: str = "none",
    class_names: Sequence[str] = (),
    resizing: str = "pad",
    aspp_channels: int | None = None,
    head_channels: int | None = None,
    aspp_dilations: Sequence[int] = ASPP_DILATIONS,
    dropout: float = 0.1,
    batch_norm_momentum: float = 0.95,
) -> keras.Model:
    """Build a DeepLabV3+ (Chen et al., ECCV 2018) that maps pictures to logits.

    From `image` [B, h, w, 3], any number type, 0 to 255, RGB, to float32 [B, h, w, number of classes], or [B, h, w]
    without classes (saliency). Backbone, size, weights and what is raised are as in `load_backbone`.

    Args:
        resizing: how pictures become the input of a model with classes, "pad" or "stretch"; it is only remembered.
        aspp_channels: width of the atrous spatial pyramid pooling, as `head_channels` of the decoder; None suits the
            backbone.
        aspp_dilations: of the pyramid pooling, in pixels of the stride-32 map.
        dropout: share of the pooled features that is dropped in training.
    """
    features = load_backbone(backbone, size, weights)
    default_aspp, default_head = WIDTHS.get(backbone, _DEFAULT_WIDTHS)
    classes = len(class_names) or 1
    deeplab = keras_cv.models.DeepLabV3Plus(
        backbone=features,
        num_classes=classes,
        projection_filters=48,
        spatial_pyramid_pooling=PyramidPooling(
            dilation_rates=list(aspp_dilations), num_channels=aspp_channels or default_aspp, dropout=dropout
        ),
        segmentation_head=_logit_head(head_channels or default_head, classes),
    )
    image, scaled = picture_input(size, *PREPROCESSING[backbone])
    outputs = deeplab(scaled)
    if class_names:
        outputs = ClassLogits(class_names, resizing)(outputs)
    else:
        outputs = keras.layers.Reshape(height_width(size), dtype="float32", name="logits")(outputs)
    model = keras.Model(image, outputs, name=f"deeplab_{backbone}")
    return prepare_for_training(model, batch_norm_momentum=batch_norm_momentum)


@keras.saving.register_keras_serializable(package="metricfit")
class PyramidPooling(keras_cv.layers.SpatialPyramidPooling):
    """KerasCV's pyramid pooling with its image-level branch added to zeros: XLA's resize has float32 gradients only."""

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Pool [B, H, W, C] into [B, H, W, num_channels]."""
        *local, pooled = (branch(inputs, training=training) for branch in self.aspp_parallel_channels)
        everywhere = pooled + keras.ops.zeros_like(local[0])
        return self.projection(keras.ops.concatenate([*local, everywhere], axis=-1), training=training)


def _logit_head(channels: int, classes: int) -> keras.Sequential:
    """Decoder at stride 4: two separable 3x3 convolutions, logits, and only then the step up to full size."""
    layers = []
    for index in (1, 2):
        layers += [
            keras.layers.SeparableConv2D(channels, 3, padding="same", use_bias=False, name=f"head_conv{index}"),
            keras.layers.BatchNormalization(name=f"head_norm{index}"),
            keras.layers.ReLU(name=f"head_relu{index}"),
        ]
    layers += [
        keras.layers.Conv2D(classes, 1, dtype="float32", name=CLASS_LAYER),
        keras.layers.UpSampling2D(4, interpolation="bilinear", dtype="float32", name="head_upsampling"),
    ]
    return keras.Sequential(layers, name="segmentation_head")
