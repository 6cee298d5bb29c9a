"""What watches a training: reports, checkpoints, TensorBoard pictures and scalars."""

from .averaged import AveragedWeights, averaged_weights
from .best import BestModel
from .checkpoint import TrainingCheckpoint
from .coco_ap import CocoAPCallback
from .epoch_report import EpochReport
from .fade import FadeByEpoch
from .gradient_balance import RankingWatch
from .history import HistoryCSV, read_history
from .hparams import HParams, write_final_metrics
from .metric_report import MetricReport
from .progress import Progress
from .self_balancing import SelfBalancing
from .time_limit import TimeLimit

__all__ = [
    "AveragedWeights",
    "BestModel",
    "CocoAPCallback",
    "EpochReport",
    "FadeByEpoch",
    "HParams",
    "HistoryCSV",
    "MetricReport",
    "Progress",
    "RankingWatch",
    "SelfBalancing",
    "TimeLimit",
    "TrainingCheckpoint",
    "averaged_weights",
    "read_history",
    "write_final_metrics",
]
