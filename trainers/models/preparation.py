"""How every model of this project begins, and what it is given before it trains."""

from collections.abc import Sequence
from typing import Any

import keras

from ..geometry import InputSize, height_width
from .backbones.builders import CLASSIFIER_TOPS
from .layers.fused_normalization import fuse
from .layers.shared_dropout import share_dropout


def picture_input(
    size: InputSize, scale: Sequence[float] | float, offset: Sequence[float] | float = 0.0
) -> tuple[Any, Any]:
    """Make the input `image` [B, h, w, 3], 0 to 255, RGB, and what a network takes: scale * image + offset."""
    image = keras.Input((*height_width(size), 3), name="image")
    return image, keras.layers.Rescaling(scale, offset, name="preprocessing")(image)


def prepare_for_training(model: keras.Model, *, batch_norm_momentum: float = 0.95) -> keras.Model:
    """Set what a saved model does not remember: XLA's permission, float32 resizing, what is frozen, how BatchNorm runs.

    A backbone's classifier top feeds nothing here and is frozen. KerasCV's MobileNetV3 has a momentum of 0.999, which
    the moving statistics of a few hundred steps do not fill.
    """
    for layer in model._flatten_layers():
        layer.supports_jit = True
        if isinstance(layer, keras.layers.UpSampling2D):
            layer.dtype_policy = "float32"  # the only one that XLA's gradient of a resize knows
        if layer.name in CLASSIFIER_TOPS:
            layer.trainable = False
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
            fuse(layer)
    return model


def fit_statistics_to(model: keras.Model, steps: int) -> None:
    """Let moving statistics follow within a twentieth of a training's steps where their momentum would take longer.

    In the last twentieth the learning rate has fallen, and the weights that the statistics belong to stand still.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, 1 - 1 / max(3.0, steps / 20))


def train_together(model: keras.Model, devices: int, batch_norm: str = "synchronised") -> None:
    """Let layers do on so many devices what they do on one; statistics are "synchronised", or "frozen" as they are."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = batch_norm == "synchronised" and devices > 1
            layer.trainable = layer.trainable and batch_norm != "frozen"
        if devices > 1 and isinstance(layer, keras.layers.Dropout | keras.layers.SpatialDropout2D):
            share_dropout(layer)
