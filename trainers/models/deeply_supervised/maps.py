"""What the saliency networks on a backbone with side outputs share: its levels, and how maps are brought together."""

from collections.abc import Iterable

import keras

from ...geometry import InputSize
from ..backbones.builders import PREPROCESSING
from ..backbones.levels import BackboneLevels
from ..backbones.weights import load_backbone
from ..preparation import picture_input

LEVELS = ("P1", "P2", "P3", "P4", "P5")  # of strides 2 to 32
FUSED_LAYER = "fused"  # the layer whose output is the map that is given, where that is a learned sum of all
FINEST_LAYER = "finest"  # the layer whose output is the map that is given, where that is the finest of them


def picture_levels(
    backbone: str, size: InputSize, weights: str, wanted: Iterable[str] = LEVELS
) -> tuple[keras.KerasTensor, dict[str, keras.KerasTensor]]:
    """Make the input `image`, and the features of those `wanted` levels that a backbone has, the finest first.

    Backbone, size, weights and what is raised are as in `load_backbone`.
    """
    features = load_backbone(backbone, size, weights)
    names = [level for level in wanted if level in features.pyramid_level_inputs]
    image, scaled = picture_input(size, *PREPROCESSING[backbone])
    return image, dict(zip(names, BackboneLevels(features, names, name="levels")(scaled)))


def enlarged(maps: keras.KerasTensor, height: int, name: str) -> keras.KerasTensor:
    """Bring [B, h, w, C] to `height` rows, a multiple of h, bilinearly and in float32."""
    factor = height // maps.shape[1]
    return keras.layers.UpSampling2D(factor, interpolation="bilinear", dtype="float32", name=name)(maps)


def learned_sum(scores: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    """Sum scores with learned weights, at first their mean: random signs would set the maps against each other."""
    joined = keras.layers.Concatenate(dtype="float32", name=f"{name}_scores")(scores)
    mean = keras.initializers.Constant(1 / len(scores))
    return keras.layers.Conv2D(1, 1, kernel_initializer=mean, dtype="float32", name=name)(joined)


def normalized(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Normalise features over the batch, then cut at 0."""
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.BatchNormalization(name=f"{name}_norm")(features))
