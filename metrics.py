"""The figures that papers report, as Keras metrics for `model.compile(metrics=[...])`.

    from metricfit.metrics import FMeasure, MIoU

Of saliency maps: `FMeasure` (all of it, as a dict), `MaxFMeasure`, `MeanFMeasure`, `FMeasureAt`, `MAE`, `SMeasure`,
`EMeasure`, `WeightedFMeasure`. Of class maps: `MIoU`. Of boxes, as a callback for `model.fit`: `CocoAPCallback`.
"""

from metricfit.trainers.metrics.keras.alignment import EMeasure
from metricfit.trainers.metrics.keras.f_measure import MAE, FMeasure, FMeasureAt, MaxFMeasure, MeanFMeasure
from metricfit.trainers.metrics.keras.miou import MIoU
from metricfit.trainers.metrics.keras.structure import SMeasure
from metricfit.trainers.metrics.keras.weighted_f import WeightedFMeasure
from metricfit.trainers.training.reporting.coco_ap import CocoAPCallback

__all__ = [
    "MAE",
    "CocoAPCallback",
    "EMeasure",
    "FMeasure",
    "FMeasureAt",
    "MIoU",
    "MaxFMeasure",
    "MeanFMeasure",
    "SMeasure",
    "WeightedFMeasure",
]
