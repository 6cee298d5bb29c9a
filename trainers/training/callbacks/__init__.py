"""What watches a training: checkpoints, TensorBoard pictures and curves."""

from .averaged import AveragedWeights, averaged_weights
from .best import BestModel
from .checkpoint import TrainingCheckpoint
from .curves import ThresholdCurves
from .detection_metrics import DetectionMetrics
from .detection_panels import DetectionPanels
from .epoch_report import EpochReport
from .fade import FadeByEpoch
from .gradient_balance import RankingWatch
from .history import HistoryCSV, read_history
from .hparams import HParams, write_final_metrics
from .panels import PredictionPanels
from .progress import Progress
from .self_balancing import SelfBalancing
from .time_limit import TimeLimit

__all__ = [
    "AveragedWeights",
    "BestModel",
    "DetectionMetrics",
    "DetectionPanels",
    "EpochReport",
    "FadeByEpoch",
    "HParams",
    "HistoryCSV",
    "PredictionPanels",
    "Progress",
    "RankingWatch",
    "SelfBalancing",
    "ThresholdCurves",
    "TimeLimit",
    "TrainingCheckpoint",
    "averaged_weights",
    "read_history",
    "write_final_metrics",
]
