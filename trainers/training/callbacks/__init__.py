"""What keeps, changes or ends a training: weights, checkpoints, the best model, faults, time."""

from .averaged import AveragedWeights as AveragedWeights
from .averaged import averaged_weights as averaged_weights
from .best import BestModel as BestModel
from .best import Patience as Patience
from .checkpoint import TrainingCheckpoint as TrainingCheckpoint
from .divergence import Divergence as Divergence
from .fade import FadeByEpoch as FadeByEpoch
from .position import Position as Position
from .self_balancing import SelfBalancing as SelfBalancing
from .time_limit import TimeLimit as TimeLimit
