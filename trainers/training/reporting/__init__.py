"""What tells of a training and changes nothing: reports of epochs, tables, TensorBoard, the bar."""

from .coco_ap import CocoAPCallback as CocoAPCallback
from .epoch_report import EpochReport as EpochReport
from .gradient_balance import RankingWatch as RankingWatch
from .gradient_balance import read_watched as read_watched
from .history import HistoryCSV as HistoryCSV
from .history import read_history as read_history
from .hparams import HParams as HParams
from .hparams import write_final_metrics as write_final_metrics
from .metric_report import MetricReport as MetricReport
from .progress import Progress as Progress
from .series import Series as Series
