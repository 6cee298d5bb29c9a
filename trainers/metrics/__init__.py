"""What papers report, as streaming metrics in NumPy: of maps (`FMeasureCurve`), classes (`Jaccard`) and boxes.

The Keras metric is imported when it is first asked for, so that NumPy users do not wait for TensorFlow.
"""

import importlib
from typing import Any

from .average_precision import CocoAP, CocoResult, to_coco_results
from .correlation import CorrelationBounds, correlation_bounds, rank_correlation
from .f_measure import FMeasureCurve, FMeasureResult
from .histogram import THRESHOLDS
from .image_iou import ImageIoU
from .jaccard import Jaccard, JaccardResult, class_iou, confusion_matrix
from .logit_curve import LogitFMeasure
from .logit_scale import best_logit_scale
from .lrp import LRP, LRPResult
from .matching import Found, Truth

__all__ = [
    "LRP",
    "THRESHOLDS",
    "CocoAP",
    "CocoResult",
    "CorrelationBounds",
    "FMeasure",
    "FMeasureCurve",
    "FMeasureResult",
    "FirstMapFMeasure",
    "Found",
    "ImageIoU",
    "Jaccard",
    "JaccardResult",
    "LRPResult",
    "LogitFMeasure",
    "Truth",
    "best_logit_scale",
    "class_iou",
    "confusion_matrix",
    "correlation_bounds",
    "rank_correlation",
    "to_coco_results",
]


def __getattr__(name: str) -> Any:
    if name in ("FMeasure", "FirstMapFMeasure"):
        return getattr(importlib.import_module(__name__ + ".keras.f_measure"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
