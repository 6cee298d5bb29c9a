"""The logits of a saliency model, scaled and shifted in its last convolution."""

import math

import keras

from .deeplab import CLASS_LAYER
from .deeply_supervised.maps import FINEST_LAYER, FUSED_LAYER


def scale_and_shift_logits(model: keras.Model, *, scale: float, threshold: float) -> None:
    """Turn a model's logits z into scale (z − logit(threshold)), in place, by the last convolution's kernel and bias.

    Side outputs do not change. ValueError where no convolution makes the logits, as in BASNet, which sums
    maps.
    """
    layers = {layer.name: layer for layer in model._flatten_layers()}
    layer = next((layers[name] for name in (CLASS_LAYER, FUSED_LAYER, FINEST_LAYER) if name in layers), None)
    if layer is None:
        raise ValueError(f"{model.name} has no single convolution that makes its logits")
    kernel, bias = layer.get_weights()
    layer.set_weights([scale * kernel, scale * (bias - math.log(threshold / (1 - threshold)))])
