"""KerasCV builders: backbones and DeepLabV3+."""

from .backbones import BACKBONES
from .deeplab import build_deeplab, prepare_for_training

__all__ = ["BACKBONES", "build_deeplab", "prepare_for_training"]
