"""Networks by name (`registry.py`), one file or folder each: of KerasCV, and of this project."""

import importlib
from typing import Any

_HOMES = {
    "BACKBONES": "backbones.builders",
    "RetinaNet": "detector.retinanet",
    "at_size": "input_size",
    "build_basnet": "basnet",
    "build_deeplab": "deeplab",
    "build_dss": "dss",
    "build_enet": "enet",
    "build_retinanet": "detector.retinanet",
    "has_side_outputs": "layers.side_outputs",
    "in_float32": "precision",
    "prepare_for_training": "preparation",
    "scale_and_shift_logits": "scaled_logits",
}


def __getattr__(name: str) -> Any:
    """Import late, so that the registry can be read without TensorFlow."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
