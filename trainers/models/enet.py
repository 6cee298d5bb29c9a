"""ENet, a segmentation network for real time, of convolutions that every exporter knows."""

from collections.abc import Sequence
from typing import Any

import keras

from ..errors import UsageError
from ..geometry import InputSize, check_size
from .deeplab import CLASS_LAYER
from .layers.logits import ClassLogits
from .layers.unpooling import DepthToSpace, PadChannels, Unpooling
from .preparation import picture_input, prepare_for_training

_CONTEXT = (
    "regular", "dilated 2", "asymmetric 5", "dilated 4", "regular", "dilated 8", "asymmetric 5", "dilated 16",
)  # fmt: skip
STAGES = (
    (1, 64, ("downsampling", *["regular"] * 4)),
    (2, 128, ("downsampling", *_CONTEXT)),
    (3, 128, _CONTEXT),
    (4, 64, ("upsampling", "regular", "regular")),
    (5, 16, ("upsampling", "regular")),
)
"""Number, width and bottlenecks of each stage: the paper's Table 1 without its initial block and last convolution."""

MULTIPLE = 8  # what the side of the input is a multiple of
_DROPOUT = {1: 0.01}  # and 0.1 in all later stages
_REDUCTION = 4


def build_enet(
    *, size: InputSize, class_names: Sequence[str], resizing: str = "pad", batch_norm_momentum: float = 0.95
) -> keras.Model:
    """Build an ENet (Paszke et al., arXiv:1606.02147, 2016; the Lovász paper's ref. 22), 0.37 M parameters.

    Encoder and decoder are trained at once. The last, full convolution of 2x2 at stride 2 is a 1x1 one and a
    rearrangement, the same but for a bias for each of the four places. UsageError for a size that is not a multiple of
    8, or no class; the rest is as in `build_deeplab`.
    """
    check_size(size, MULTIPLE)
    if not class_names:
        raise UsageError("ENet needs the names of its classes")
    image, scaled = picture_input(size, 1 / 255.0)
    # Figure 2a: 13 filters of stride 2 beside the max-pooled picture, [B, h/2, w/2, 16].
    filtered = keras.layers.Conv2D(13, 3, 2, "same", use_bias=False, name="initial_convolution")(scaled)
    shrunk = keras.layers.MaxPooling2D(2, name="initial_pooling")(scaled)
    features = _activated(keras.layers.Concatenate(name="initial")([filtered, shrunk]), "initial")
    pooled: list[keras.KerasTensor] = []  # what each max-pooling was given, the last first to be undone
    for stage, channels, kinds in STAGES:
        # As in the paper, the block that changes the resolution has the number 0.
        first = 0 if kinds[0].endswith("sampling") else 1
        for number, kind in enumerate(kinds, first):
            name = f"bottleneck{stage}_{number}"
            features = _bottleneck(features, name, kind, channels, _DROPOUT.get(stage, 0.1), pooled)
    logits = keras.layers.Conv2D(4 * len(class_names), 1, dtype="float32", name=CLASS_LAYER)(features)
    logits = DepthToSpace(2, dtype="float32", name="full_convolution")(logits)
    model = keras.Model(image, ClassLogits(class_names, resizing)(logits), name="enet")
    return prepare_for_training(model, batch_norm_momentum=batch_norm_momentum)


def _bottleneck(
    features: keras.KerasTensor, name: str, kind: str, channels: int, dropout: float, pooled: list[keras.KerasTensor]
) -> keras.KerasTensor:
    """Figure 2b: a main branch, and beside it a narrow convolution of `kind` between two projections."""
    internal = channels // _REDUCTION
    # 2x2 where the resolution falls, so that the projection sees every pixel.
    step = 2 if kind == "downsampling" else 1
    branch = keras.layers.Conv2D(internal, step, step, use_bias=False, name=f"{name}_reduction")(features)
    branch = _convolution(_activated(branch, f"{name}_reduction"), name, kind, internal)
    branch = _projection(_activated(branch, f"{name}_convolution"), f"{name}_expansion", channels)
    branch = keras.layers.SpatialDropout2D(dropout, name=f"{name}_dropout")(branch)
    if kind == "downsampling":
        pooled.append(features)
        features = keras.layers.MaxPooling2D(2, name=f"{name}_pooling")(features)
        features = PadChannels(channels - features.shape[-1], name=f"{name}_padding")(features)
    elif kind == "upsampling":
        features = _projection(features, f"{name}_projection", channels)
        features = Unpooling(name=f"{name}_unpooling")([features, pooled.pop()])
    return _prelu(keras.layers.Add(name=f"{name}_sum")([features, branch]), f"{name}_prelu")


def _convolution(features: keras.KerasTensor, name: str, kind: str, channels: int) -> keras.KerasTensor:
    kind, _, number = kind.partition(" ")
    options: dict[str, Any] = {"padding": "same", "use_bias": False}
    name = f"{name}_convolution"
    if kind == "asymmetric":
        features = keras.layers.Conv2D(channels, (int(number), 1), name=f"{name}_column", **options)(features)
        return keras.layers.Conv2D(channels, (1, int(number)), name=f"{name}_row", **options)(features)
    if kind == "upsampling":
        return keras.layers.Conv2DTranspose(channels, 3, 2, name=name, **options)(features)
    return keras.layers.Conv2D(channels, 3, dilation_rate=int(number or 1), name=name, **options)(features)


def _projection(features: keras.KerasTensor, name: str, channels: int) -> keras.KerasTensor:
    features = keras.layers.Conv2D(channels, 1, use_bias=False, name=name)(features)
    return keras.layers.BatchNormalization(name=f"{name}_norm")(features)


def _activated(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return _prelu(keras.layers.BatchNormalization(name=f"{name}_norm")(features), f"{name}_prelu")


def _prelu(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """One slope a channel, from the 0.25 of its paper (He et al., ICCV 2015)."""
    return keras.layers.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2], name=name)(features)
