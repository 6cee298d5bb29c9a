"""Losses that are the metric, as pure functions and as Keras classes.

Function and class of each loss in `LOSSES` are public here; `get("floss", beta2=0.8)` makes one by name.
"""

from . import backend  # noqa: F401 - first, since it refuses others
from .base import AnchorLoss, LossEntry
from .boxes import aligned_giou, aligned_iou, giou_error, iou_error, smooth_l1
from .combined import Combined, FadeLoss
from .deep_supervision import DeepSupervision
from .region.lovasz_prox import lovasz_prox
from .registry import LOSSES, combined, get, read_sum, takes
from .worst_pictures import WorstPictures

_REGISTERED = {made.__name__: made for entry in LOSSES.values() for made in (entry.function, entry.loss_class)}
globals().update(_REGISTERED)

__all__ = [
    "LOSSES",
    "AnchorLoss",
    "Combined",
    "DeepSupervision",
    "FadeLoss",
    "LossEntry",
    "WorstPictures",
    "aligned_giou",
    "aligned_iou",
    "combined",
    "get",
    "giou_error",
    "iou_error",
    "lovasz_prox",
    "read_sum",
    "smooth_l1",
    "takes",
    *_REGISTERED,
]
