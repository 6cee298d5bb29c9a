"""What watches a training: checkpoints, TensorBoard pictures and curves."""

from .averaged import AveragedWeights, averaged_weights
from .best import BestModel
from .checkpoint import TrainingCheckpoint
from .curves import ThresholdCurves
from .history import HistoryCSV, read_history
from .hparams import HParams, write_final_metrics
from .minutes import TimeLimit
from .panels import PredictionPanels
from .progress import Progress

__all__ = [
    "AveragedWeights",
    "BestModel",
    "HParams",
    "HistoryCSV",
    "PredictionPanels",
    "Progress",
    "ThresholdCurves",
    "TimeLimit",
    "TrainingCheckpoint",
    "averaged_weights",
    "read_history",
    "write_final_metrics",
]
