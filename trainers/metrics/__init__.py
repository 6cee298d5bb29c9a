"""What papers report, as streaming metrics in NumPy; nothing here but `keras` imports TensorFlow."""

from .f_measure import FMeasureCurve, FMeasureResult
from .histogram import THRESHOLDS
from .image_iou import ImageIoU
from .jaccard import Jaccard, confusion_matrix
from .logit_curve import LogitFMeasure
from .logit_scale import best_logit_scale
from .ranking.average_precision import CocoAP, to_coco_results
from .ranking.correlation import correlation_bounds, rank_correlation
from .ranking.lrp import LRP
from .ranking.matching import Found, Truth

__all__ = [
    "LRP",
    "THRESHOLDS",
    "CocoAP",
    "FMeasureCurve",
    "FMeasureResult",
    "Found",
    "ImageIoU",
    "Jaccard",
    "LogitFMeasure",
    "Truth",
    "best_logit_scale",
    "confusion_matrix",
    "correlation_bounds",
    "rank_correlation",
    "to_coco_results",
]
