"""Builders: backbones, DeepLabV3+, BASNet and RetinaNet of KerasCV, DSS and ENet."""

from .backbones.builders import BACKBONES
from .basnet import build_basnet
from .deeplab import build_deeplab
from .detector.retinanet import RetinaNet, build_retinanet
from .dss import build_dss
from .enet import build_enet
from .layers.side_outputs import has_side_outputs
from .other_size import at_size
from .precision import in_float32
from .preparation import prepare_for_training
from .scaled_logits import scale_and_shift_logits

__all__ = [
    "BACKBONES",
    "RetinaNet",
    "at_size",
    "build_basnet",
    "build_deeplab",
    "build_dss",
    "build_enet",
    "build_retinanet",
    "has_side_outputs",
    "in_float32",
    "prepare_for_training",
    "scale_and_shift_logits",
]
