"""What watches a training: reports, checkpoints, TensorBoard pictures and scalars."""

from .averaged import AveragedWeights as AveragedWeights
from .averaged import averaged_weights as averaged_weights
from .best import BestModel as BestModel
from .best import Patience as Patience
from .checkpoint import TrainingCheckpoint as TrainingCheckpoint
from .coco_ap import CocoAPCallback as CocoAPCallback
from .divergence import Divergence as Divergence
from .epoch_report import EpochReport as EpochReport
from .fade import FadeByEpoch as FadeByEpoch
from .gradient_balance import RankingWatch as RankingWatch
from .history import HistoryCSV as HistoryCSV
from .history import read_history as read_history
from .hparams import HParams as HParams
from .hparams import write_final_metrics as write_final_metrics
from .metric_report import MetricReport as MetricReport
from .position import Position as Position
from .progress import Progress as Progress
from .self_balancing import SelfBalancing as SelfBalancing
from .series import Series as Series
from .time_limit import TimeLimit as TimeLimit
