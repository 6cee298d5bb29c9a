"""The logits of a saliency model, scaled and shifted in its last convolution."""

import math

import keras

from .deeplab import CLASS_LAYER
from .dss import FUSED_LAYER


def scale_and_shift_logits(model: keras.Model, *, scale: float, threshold: float) -> None:
    """Turn a model's logits z into scale (z − logit(threshold)), in place: order and MaxF of its maps stay.

    A map is thereby polarised around a threshold without training. The network gets no new layer: kernel and bias of
    the convolution that makes the logits change, and all that follows it is linear and keeps constants.

    Args:
        model: a DeepLab or DSS of one map; of DSS the map that is given changes, the side outputs do not.
        scale: above 0.
        threshold: the probability that becomes one half, in (0, 1).

    Raises:
        ValueError: the model has no such convolution, as BASNet, which sums several maps.
    """
    layers = {layer.name: layer for layer in model._flatten_layers()}
    layer = layers.get(CLASS_LAYER) or layers.get(FUSED_LAYER)
    if layer is None:
        raise ValueError(f"{model.name} has no single convolution that makes its logits")
    kernel, bias = layer.get_weights()
    layer.set_weights([scale * kernel, scale * (bias - math.log(threshold / (1 - threshold)))])
