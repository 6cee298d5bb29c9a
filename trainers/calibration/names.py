"""What can be asked for, by name. Imports nothing, so that options are quick."""

from typing import Literal, get_args

MethodName = Literal["isotonic", "platt", "temperature", "none"]
"""How scores are calibrated."""
TargetName = Literal["precision", "iou"]
"""What a score is made to tell: how often such boxes are right, or the IoU to be expected."""
TARGETS: tuple[str, ...] = get_args(TargetName)
