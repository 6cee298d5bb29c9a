"""KerasCV builders: backbones, DeepLabV3+ and RetinaNet."""

from .backbones import BACKBONES
from .deeplab import build_deeplab
from .precision import in_float32
from .preparation import prepare_for_training
from .retinanet import RetinaNet, build_retinanet

__all__ = ["BACKBONES", "RetinaNet", "build_deeplab", "build_retinanet", "in_float32", "prepare_for_training"]
