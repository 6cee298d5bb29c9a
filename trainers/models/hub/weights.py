"""Where the first weights of KerasHub's networks come from: a preset, fetched or in a folder, or a file."""

import logging
from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np

from ...errors import MetricfitError, UsageError, first_line
from ...text import cut
from ..backbones.weights import check_weights, load_file
from ..precision import dtype_policy
from .encoders import PREPROCESSING
from .ranked import RankedRetinaNetObjectDetector

log = logging.getLogger("metricfit")

PRESETS = {
    "efficientnet_lite0": ("efficientnet_lite0_ra_imagenet",),
    "resnet18": ("resnet_18_imagenet",),
    "resnet34": ("hf://timm/resnet34.a1_in1k",),
    "resnet50": ("resnet_50_imagenet", "retinanet_resnet50_fpn_coco"),
    "resnet101": ("resnet_101_imagenet",),
}
"""KerasHub's presets with weights for an encoder."""

# What may differ between an encoder here and the same one in a preset.
_NO_PART = {"name", "trainable", "dtype", "image_shape", "input_shape", "image_encoder"}


def usual_weights(name: str) -> tuple[str, str]:
    """Give "none", for nothing but the network has weights of an encoder, and a sentence on what would help."""
    known = f"--weights preset:{PRESETS[name][0]}, which is fetched" if name in PRESETS else "--weights preset:FOLDER"
    return "none", f"first weights: none; small sets need some ({known})"


def load_first_weights(network: RankedRetinaNetObjectDetector, name: str, weights: str) -> None:
    """Fill a detector whose encoder is that of a name in `ENCODERS` with weights, in place.

    They are "none" and "auto" (the random start), "preset:NAME" (one of KerasHub's, which needs the network, a handle
    such as hf://timm/resnet34.a1_in1k, or the folder of one: of the encoder, or of a whole detector), or the path of a
    `.weights.h5` file of the encoder. UsageError where there are none for this encoder, MetricfitError where a file
    does not fit or a fetch fails.
    """
    check_weights(weights)
    if weights == "imagenet":
        raise UsageError(f"--weights imagenet is of KerasCV's backbones: {_elsewhere(name)}")
    if weights.startswith("preset:"):
        _load_preset(network, name, weights.removeprefix("preset:"))
    elif weights not in ("none", "auto"):
        load_file(network.backbone.image_encoder, name, Path(weights))


def _load_preset(network: RankedRetinaNetObjectDetector, name: str, preset: str) -> None:
    known = PRESETS.get(name, ())
    if preset not in known and "://" not in preset and not Path(preset).is_dir():
        listed = f"choose one of {', '.join(known)}, or give" if known else "give"
        raise UsageError(
            f"KerasHub has no preset {cut(preset)} with weights for {name}: {listed} a handle such as "
            "hf://timm/resnet34.a1_in1k or the folder of one"
        )
    try:
        with dtype_policy("float32"):
            source = keras_hub.models.Backbone.from_preset(preset)
            whole = isinstance(source, keras_hub.models.RetinaNetBackbone)
            detector = _detector(preset) if whole else None
            converter = _converter(preset)
    except Exception as error:  # KerasHub and the hubs' clients raise many kinds, none of them documented
        raise MetricfitError(
            f"the preset {cut(preset)} could not be fetched or read ({type(error).__name__}: {first_line(error)}): "
            f"without the network {_elsewhere(name)}"
        ) from error
    _check_pictures(converter, preset)
    encoder = network.backbone.image_encoder
    _check_same(encoder, source.image_encoder if whole else source, preset, name)
    if not whole:
        encoder.set_weights(source.get_weights())
        log.info("first weights: the encoder's of KerasHub's preset %s, by the terms of where it is published", preset)
        return
    _check_same(network.backbone, source, preset, "RetinaNet of this kind")
    if detector:
        _check_heads(network, detector, preset)
    network.backbone.set_weights(source.get_weights())
    taken = ["encoder", "pyramid", *(_take_heads(network, detector) if detector else [])]
    log.info(
        "first weights: of KerasHub's preset %s the %s, by the terms of where it is published; the rest begins anew",
        preset, ", ".join(taken),
    )  # fmt: skip


def _detector(preset: str) -> Any:
    """Load a detector with its heads; None where the preset holds none."""
    try:
        return keras_hub.models.RetinaNetObjectDetector.from_preset(preset)
    except TypeError as error:
        if "num_classes" in str(error):  # which only the description of a whole detector knows
            return None
        raise


def _converter(preset: str) -> Any:
    """Load what says how pictures are taken; None where the preset does not."""
    try:
        return keras_hub.layers.ImageConverter.from_preset(preset)
    except FileNotFoundError:
        return None


def _check_pictures(converter: Any, preset: str) -> None:
    """Refuse weights that were trained on pictures whose numbers are others than here."""
    if converter is None:
        log.warning("the preset %s does not say how it takes pictures: taken as ImageNet's mean and deviation", preset)
        return
    scale, offset = (1.0 if converter.scale is None else converter.scale), converter.offset or 0.0
    found = np.array([np.broadcast_to(part, 3) for part in (scale, offset)])
    if not np.allclose(found, PREPROCESSING, rtol=1e-3):
        raise UsageError(
            f"the preset {cut(preset)} multiplies pictures by {np.round(found[0], 5).tolist()} and adds "
            f"{np.round(found[1], 3).tolist()}, where ImageNet's mean and deviation are expected: give another preset"
        )


def _check_same(own: keras.Model, other: keras.Model, preset: str, what: str) -> None:
    """Refuse weights of another network; what is equal by its shapes alone may compute something else."""
    described = [{key: value for key, value in one.get_config().items() if key not in _NO_PART} for one in (own, other)]
    if isinstance(own, type(other)) and described[0] == described[1]:
        return
    differ = sorted(key for key in {*described[0], *described[1]} if described[0].get(key) != described[1].get(key))
    raise UsageError(
        f"the preset {cut(preset)} is not a {what}: it is a {type(other).__name__}"
        f"{f' of another {differ[0]}' if isinstance(own, type(other)) else ''}: {_elsewhere(what)}"
    )


def _check_heads(network: RankedRetinaNetObjectDetector, source: Any, preset: str) -> None:
    """Refuse heads of another form; both have the same."""
    head, layers = source.classification_head, len(source.classification_head.conv_layers)
    if head.use_group_norm:
        raise UsageError(f"the preset {cut(preset)} has normalised heads: give another preset")
    if len(network.classification_head.conv_layers) != layers:
        raise UsageError(f"the preset {cut(preset)} has heads of {layers} convolutions: give --head-layers {layers}")


def _take_heads(network: RankedRetinaNetObjectDetector, source: Any) -> list[str]:
    """Take the heads of a detector, as far as its classes and anchors allow; gives what was taken."""
    for own, other in ((network.classification_head, source.classification_head), (network.box_head, source.box_head)):
        for layer, taken in zip(own.conv_layers, other.conv_layers):
            layer.set_weights(taken.get_weights())
    own, other = network.box_head.prediction_layer, source.box_head.prediction_layer
    if own.kernel.shape != other.kernel.shape:
        return ["heads but for their last convolutions"]
    # The same boxes by other codes.
    factor = np.divide(source.label_encoder.box_variance, network.label_encoder.box_variance)
    factor = np.tile(factor, own.kernel.shape[-1] // 4)
    own.set_weights([weight * factor for weight in other.get_weights()])
    return ["heads but for the last convolution of the scores"]


def _elsewhere(name: str) -> str:
    known = PRESETS.get(name, ())
    return f"use --weights {f'preset:{known[0]} (online), ' if known else ''}preset:FOLDER, a .weights.h5 file, or none"
