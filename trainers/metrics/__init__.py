"""What papers report, as streaming metrics: `FMeasureCurve` and `best_logit_scale` in NumPy, `FMeasure` for Keras.

The Keras metric is imported when it is first asked for, so that NumPy users do not wait for TensorFlow.
"""

import importlib

from .f_measure import FMeasureCurve, FMeasureResult
from .histogram import THRESHOLDS
from .logit_scale import best_logit_scale

__all__ = ["THRESHOLDS", "FMeasure", "FMeasureCurve", "FMeasureResult", "best_logit_scale"]


def __getattr__(name):
    if name == "FMeasure":
        return importlib.import_module(__name__ + ".keras_f_measure").FMeasure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
