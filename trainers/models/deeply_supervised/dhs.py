"""DHSNet: a coarse map of the whole picture, refined level by level of a KerasCV backbone, for raw 0-255 pictures."""

import keras

from ...geometry import InputSize, height_width
from ..layers.logits import SideOutputs
from ..preparation import prepare_for_training
from .maps import FINEST_LAYER, enlarged, picture_levels

CHANNELS = 64  # the paper's width of a refinement
STEPS = 3  # how often a recurrent convolution looks at what it has made, beyond its first look


def build_dhs(
    backbone: str = "efficientnet_lite0",
    *,
    size: InputSize,
    weights: str = "none",
    width: float = 0.25,
    batch_norm_momentum: float = 0.95,
) -> keras.Model:
    """Build a DHSNet (Liu and Han, Deep Hierarchical Saliency Network, CVPR 2016).

    The levels P1 to P5 stand for the paper's conv1_2 to conv5_3, each at twice the stride.
    A layer that is connected to every place of the deepest level draws a first, coarse map of stride 16. From P4 to
    P1, a recurrent convolution is given the level's features, in 0 to 1, and the map before it, as probabilities, and
    draws the map anew at the level's resolution. The finest map is the one that is given.

    Different from the paper: the backbone, hence maps of strides 16 to 2 in place of 8 to 1, the finest enlarged; and
    batch normalisation, one for each look, where the recurrent convolutions have local response normalisation.

    A saliency model as of `build_deeplab`, in training to [B, h, w, levels]: the finest map first, the coarse one
    last. `width` is a factor on the paper's 64 channels of the refinements. The layer that sees all places has as many
    weights as places of P5, times its channels, times places of P4: the model is for one size alone.
    """
    image, levels = picture_levels(backbone, size, weights)
    _, deepest = levels.popitem()
    *_, next_deepest = levels.values()
    scores = {"coarse": _coarse(deepest, next_deepest.shape[1:3])}
    for level, features in reversed(levels.items()):
        name = FINEST_LAYER if level == next(iter(levels)) else f"{level}_score"
        *_, coarser = scores.values()
        scores[level] = _refined(features, coarser, level, name, max(1, round(width * CHANNELS)))
    maps = [enlarged(score, height_width(size)[0], f"{name}_enlarged") for name, score in scores.items()]
    model = keras.Model(image, SideOutputs()(maps[::-1]), name=f"dhs_{backbone}")
    return prepare_for_training(model, batch_norm_momentum=batch_norm_momentum)


def _coarse(deepest: keras.KerasTensor, places: tuple[int, int]) -> keras.KerasTensor:
    """The global view: logits of a map of `places`, each of them from all features, float32 [B, *places, 1]."""
    flat = keras.layers.Flatten(name="coarse_flat")(deepest)
    logits = keras.layers.Dense(places[0] * places[1], dtype="float32", name="coarse_dense")(flat)
    return keras.layers.Reshape((*places, 1), dtype="float32", name="coarse_score")(logits)


def _refined(
    features: keras.KerasTensor, coarser: keras.KerasTensor, level: str, name: str, channels: int
) -> keras.KerasTensor:
    """Refine logits of a coarser map by a level's features and a recurrent convolution (Liang and Hu, CVPR 2015)."""
    # Features and map in the same range, or the map would be drowned.
    local = keras.layers.Conv2D(channels, 1, activation="sigmoid", name=f"{level}_squashed")(features)
    same = coarser.shape[1:3] == features.shape[1:3]
    known = coarser if same else enlarged(coarser, features.shape[1], f"{level}_before")
    known = keras.layers.Activation("sigmoid", dtype="float32", name=f"{level}_known")(known)
    given = keras.layers.Concatenate(name=f"{level}_given")([local, known])
    forward = keras.layers.Conv2D(channels, 3, padding="same", name=f"{level}_forward")(given)
    recurrent = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{level}_recurrent")
    state = _looked(forward, f"{level}_look0")
    for step in range(1, 1 + STEPS):
        state = _looked(keras.layers.Add(name=f"{level}_add{step}")([forward, recurrent(state)]), f"{level}_look{step}")
    return keras.layers.Conv2D(1, 3, padding="same", dtype="float32", name=name)(state)


def _looked(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    cut = keras.layers.ReLU(name=f"{name}_relu")(features)
    return keras.layers.BatchNormalization(name=f"{name}_norm")(cut)
