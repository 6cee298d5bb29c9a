"""BASNet of KerasCV, ending in logits, for raw 0-255 pictures."""

import keras
import keras_cv

from ...geometry import InputSize, check_size, height_width
from ..backbones.builders import resnet34
from ..backbones.weights import load_backbone_weights
from ..layers.logits import SideOutputs
from ..preparation import picture_input, prepare_for_training

# What BASNet's encoder is made of, its four stages without the stem; KerasCV's takes ResNets of basic blocks only.
BACKBONE = "resnet34"


def build_basnet(*, size: InputSize, weights: str = "none", batch_norm_momentum: float = 0.95) -> keras.Model:
    """Build a BASNet (Qin et al., BASNet: Boundary-Aware Salient Object Detection, CVPR 2019), 109 M parameters.

    Bridge and decoder give seven side outputs; a refinement module corrects the finest, and that map is what is given.
    A saliency model as of `build_deeplab`, in training to [B, h, w, 8]: the refined map, then the side outputs,
    the finest first. First weights of the ResNet34 are none, or a file.
    """
    check_size(size)
    features = resnet34((None, None, 3))
    load_backbone_weights(features, BACKBONE, weights)
    basnet = keras_cv.models.BASNet(
        backbone=features,
        num_classes=1,
        input_shape=(*height_width(size), 3),
        include_rescaling=False,  # with it, Keras 3.15 finds KerasCV's graph unconnected
        # What the first stage takes; KerasCV fails at any other width.
        projection_filters=features.get_layer("v2_stack_0_block1_1_conv").input.shape[-1],
    )
    for layer in basnet.layers:
        if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.sigmoid:
            layer.activation = keras.activations.linear  # probabilities would have lost what saturates
    # KerasCV's class would put the sigmoids back when it is loaded.
    plain = keras.Model(basnet.input, basnet.outputs, name="basnet_logits")
    image, scaled = picture_input(size, 1 / 255.0)
    model = keras.Model(image, SideOutputs()(plain(scaled)), name="basnet")
    return prepare_for_training(model, batch_norm_momentum=batch_norm_momentum)
