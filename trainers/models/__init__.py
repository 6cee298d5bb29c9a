"""Builders: backbones, DeepLabV3+ and RetinaNet of KerasCV, and ENet."""

from .backbones import BACKBONES
from .deeplab import build_deeplab
from .enet import build_enet
from .other_size import at_size
from .precision import in_float32
from .preparation import prepare_for_training
from .retinanet import RetinaNet, build_retinanet

__all__ = [
    "BACKBONES",
    "RetinaNet",
    "at_size",
    "build_deeplab",
    "build_enet",
    "build_retinanet",
    "in_float32",
    "prepare_for_training",
]
