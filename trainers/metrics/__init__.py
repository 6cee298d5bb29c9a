"""What papers report, as streaming metrics in NumPy: of maps (`FMeasureCurve`), classes (`Jaccard`) and boxes.

The Keras metrics are in `keras`, and for users in `metricfit.metrics`; nothing here imports TensorFlow.
"""

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
    "FMeasureCurve",
    "FMeasureResult",
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
