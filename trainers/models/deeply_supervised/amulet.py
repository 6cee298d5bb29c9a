"""Amulet: all levels of a KerasCV backbone brought together at each of their resolutions, for raw 0-255 pictures."""

import keras

from ...geometry import InputSize, height_width
from ..layers.logits import SideOutputs
from ..preparation import prepare_for_training
from .maps import FUSED_LAYER, enlarged, learned_sum, normalized, picture_levels

CHANNELS = 64  # the paper's width of what a level gives to a combination, and of the combination


def build_amulet(
    backbone: str = "efficientnet_lite0",
    *,
    size: InputSize,
    weights: str = "none",
    width: float = 0.25,
    batch_norm_momentum: float = 0.95,
) -> keras.Model:
    """Build an Amulet (Zhang et al., Aggregating Multi-level Convolutional Features, ICCV 2017).

    The levels P1 to P5 stand for the paper's conv1_2 to conv5_3, each at twice the stride.
    At the resolution of each level, all levels are shrunk or extended by a convolution to equal widths and combined
    (the paper's RFC). Each combination is extended to the finest resolution and predicts a map, the deepest first;
    it is given the map before it, and edge-aware features of the finest level (the paper's recursive supervision and
    boundary refinement). The fused map, a learned sum of all, is the one that is given.

    Different from the paper: the backbone, hence maps of stride 2 in place of 1, which are enlarged; one logit in
    place of two classes; and a learned sum where the paper's published results average differences of the classes.

    A saliency model as of `build_deeplab`, in training to [B, h, w, 1 + levels]: the fused map, then those of P1 to P5
    as far as the backbone has them. `width` is a factor on the paper's 64 channels.
    """
    image, levels = picture_levels(backbone, size, weights)
    finest, channels = next(iter(levels.values())), max(1, round(width * CHANNELS))
    edges = keras.layers.Conv2D(channels, 1, activation="relu", name="edges")(finest)
    scores: list[keras.KerasTensor] = []
    for level in reversed(levels):
        combined = _combined(levels, level, channels)
        given = [_resized(combined, finest, channels, f"{level}_extended"), edges, *scores[-1:]]
        given = keras.layers.Concatenate(name=f"{level}_given")(given)
        scores.append(keras.layers.Conv2D(1, 3, padding="same", dtype="float32", name=f"{level}_score")(given))
    height = height_width(size)[0]
    maps = [enlarged(score, height, f"{level}_enlarged") for level, score in zip(levels, reversed(scores))]
    model = keras.Model(image, SideOutputs()([learned_sum(maps, FUSED_LAYER), *maps]), name=f"amulet_{backbone}")
    return prepare_for_training(model, batch_norm_momentum=batch_norm_momentum)


def _combined(levels: dict[str, keras.KerasTensor], at: str, channels: int) -> keras.KerasTensor:
    """All levels at the resolution of one, and a mixture of them, [B, h, w, channels]."""
    brought = [_resized(one, levels[at], channels, f"{at}_of_{name}") for name, one in levels.items()]
    joined = keras.layers.Concatenate(name=f"{at}_all")(brought)
    return normalized(keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{at}_mixed")(joined), f"{at}_mixed")


def _resized(features: keras.KerasTensor, like: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    """Shrink or extend to the resolution of another level by one convolution whose windows lie side by side."""
    own, wanted = features.shape[1], like.shape[1]
    if own < wanted:
        return keras.layers.Conv2DTranspose(channels, wanted // own, wanted // own, name=name)(features)
    return keras.layers.Conv2D(channels, own // wanted, own // wanted, name=name)(features)
