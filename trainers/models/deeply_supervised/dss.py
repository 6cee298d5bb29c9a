"""DSS: side outputs on the levels of a KerasCV backbone, joined by short connections, for raw 0-255 pictures."""

import keras

from ...geometry import InputSize
from ..layers.logits import SideOutputs
from ..preparation import prepare_for_training
from .maps import FUSED_LAYER, enlarged, learned_sum, normalized, picture_levels

SIDES = {"P1": (128, 3), "P2": (256, 5), "P3": (256, 5), "P4": (512, 5), "P5": (512, 7)}
"""Width and kernel of both convolutions of each side output: the paper's Table 1 from conv2_2 (stride 2) to pool5."""

SHORT_CONNECTIONS = {"P1": ("P2", "P3", "P4", "P5"), "P2": ("P4", "P5"), "P3": ("P4", "P5")}
"""Which deeper side outputs each one is told of: the paper's pattern without its first side output (stride 1)."""


def build_dss(
    backbone: str = "efficientnet_lite0",
    *,
    size: InputSize,
    weights: str = "none",
    width: float = 0.25,
    batch_norm_momentum: float = 0.95,
) -> keras.Model:
    """Build a DSS (Hou et al., Deeply Supervised Salient Object Detection with Short Connections, CVPR 2017).

    Each level of the backbone has a side output, two convolutions and a score A. A shallow one adds those of deeper
    ones: R(m) = A(m) + sum of r(i, m) R(i) over its short connections. The fused output is a learned sum of all R,
    enlarged.

    Different from the paper: the backbone, hence no side output at stride 1; batch normalisation in the side outputs;
    and the fused map alone is given, as logits, where the paper averages probabilities with three side outputs.

    A saliency model as of `build_deeplab`, in training to [B, h, w, 1 + levels]: the fused map, then those of P1
    to P5 as far as the backbone has them. `width` is a factor on the paper's widths of the side outputs (`SIDES`).
    """
    image, levels = picture_levels(backbone, size, weights, SIDES)
    sides: dict[str, keras.KerasTensor] = {}
    # The deepest first: shallower ones take from it.
    for level, level_map in reversed(levels.items()):
        own = _score(level_map, level, width)
        others = SHORT_CONNECTIONS.get(level, ())
        deeper = [enlarged(sides[other], own.shape[1], f"{other}_to_{level}") for other in others]
        sides[level] = learned_sum([own, *deeper], f"{level}_connected") if deeper else own
    scores = [enlarged(sides[level], image.shape[1], f"{level}_enlarged") for level in levels]
    model = keras.Model(image, SideOutputs()([learned_sum(scores, FUSED_LAYER), *scores]), name=f"dss_{backbone}")
    return prepare_for_training(model, batch_norm_momentum=batch_norm_momentum)


def _score(level_map: keras.KerasTensor, level: str, width: float) -> keras.KerasTensor:
    """A side output by itself: two convolutions and one of 1x1 to logits, float32 [B, s, s, 1]."""
    channels, kernel = SIDES[level]
    for index in (1, 2):
        name = f"{level}_conv{index}"
        convolution = keras.layers.Conv2D(int(width * channels), kernel, padding="same", use_bias=False, name=name)
        level_map = normalized(convolution(level_map), name)
    return keras.layers.Conv2D(1, 1, dtype="float32", name=f"{level}_score")(level_map)
