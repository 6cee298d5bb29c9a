"""What finds something in the pictures of an evaluation: a file as it is, or a Keras model built for several sizes."""

from collections.abc import Sequence
from typing import Any

from ...export.runners.base import Runner
from ...export.runners.keras import KerasRunner
from ...trainers.errors import UsageError
from ...trainers.tasks.base import Task
from .uncalibrated import NetworkScores


def finder(runner: Runner, task: Task[Any, Any], scales: Sequence[float], *, calibrated: bool = True) -> Any:
    """Give what finds something in pictures: an exported file has one size, a Keras model is built for each scale.

    Not `calibrated`, the scores are those of the network, also where the model calibrates them.
    """
    if tuple(scales) == (1.0,):
        return NetworkScores(runner) if runner.fitted and not calibrated else runner
    if not isinstance(runner, KerasRunner):
        raise UsageError(
            f"--scales {' '.join(f'{scale:g}' for scale in scales)} needs a Keras model, {runner.path} has one size "
            "alone: give the run folder, or leave --scales out"
        )
    told: dict[str, Any] = {}
    if runner.suppression:
        told = {"suppression": runner.suppression, **({} if calibrated else {"calibration": None})}
    return task.predictor(runner.model, **told)
