"""A backbone by its name, for an input of some size, with its first weights."""

from ...errors import UsageError
from .builders import BACKBONES
from .weights import load_backbone_weights

MULTIPLE = 32
"""What the side of the input is a multiple of: the stride of the deepest level."""


def load_backbone(name: str, size: int, weights: str = "none"):
    """Build a backbone.

    Args:
        name: a key of `BACKBONES`.
        size: side of the square input, in pixels; a multiple of 32.
        weights: see `load_backbone_weights`.

    Returns:
        A KerasCV backbone for inputs [B, size, size, 3].

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


def check_size(size: int) -> None:
    """Raise UsageError unless a size is a multiple of 32."""
    if size < MULTIPLE or size % MULTIPLE:
        raise UsageError(
            f"the size must be a multiple of {MULTIPLE}, got {size}: "
            f"try {max(MULTIPLE, round(size / MULTIPLE) * MULTIPLE)}"
        )
