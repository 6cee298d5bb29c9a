"""A backbone by its name, for an input of some size, with its first weights."""

import keras

from ...errors import UsageError
from ...geometry import check_size
from .builders import BACKBONES
from .weights import load_backbone_weights


def load_backbone(name: str, size: int, weights: str = "none") -> keras.Model:
    """Build a KerasCV backbone for inputs [B, size, size, 3].

    Args:
        name: a key of `BACKBONES`.
        size: side of the square input, in pixels; a multiple of 32.
        weights: see `load_backbone_weights`.

    Raises:
        UsageError: unknown backbone or weights, or a size that is not a multiple of 32.
        MetricfitError: the weights could not be read.
    """
    if name not in BACKBONES:
        raise UsageError(f"unknown backbone {name}: choose one of {', '.join(BACKBONES)}")
    check_size(size)
    backbone = BACKBONES[name]((size, size, 3))
    load_backbone_weights(backbone, name, weights)
    return backbone
