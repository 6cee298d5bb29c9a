"""KerasCV builders: backbones and DeepLabV3+."""

from .backbones import BACKBONES
from .deeplab import build_deeplab, prepare_for_training
from .precision import in_float32

__all__ = ["BACKBONES", "build_deeplab", "in_float32", "prepare_for_training"]
