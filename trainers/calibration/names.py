"""What can be asked for, by name. Imports nothing, so that options are quick."""

from collections.abc import Mapping
from typing import Literal, get_args

MethodName = Literal["isotonic", "platt", "temperature", "none"]
"""How scores are calibrated."""
TargetName = Literal["precision", "iou"]
"""What a score is made to tell: how often such boxes are right, or the IoU to be expected."""
TARGETS: tuple[str, ...] = get_args(TargetName)
_AIMS = {"precision": "detection_ece", "iou": "laece_0"}


def worsened(target: str, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Name the figure that calibrated scores were to lower and that rose in pictures left out; "" where it fell."""
    aim = _AIMS[target]
    return aim if aim in before and aim in after and after[aim] > before[aim] else ""
