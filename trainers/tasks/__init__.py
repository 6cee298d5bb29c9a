"""The tasks: this is the one place that names them on this floor. Imports no TensorFlow until one is asked for."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from ..training.config import DetectionConfig, RunConfig, SaliencyConfig, SegmentationConfig

if TYPE_CHECKING:
    from .base import Task


class Entry(NamedTuple):
    """What a task's training can be told, and what gives the task."""

    config: type[RunConfig]
    load: Callable[[], "Task[Any, Any]"]


def _saliency() -> "Task[Any, Any]":
    from .saliency import Saliency

    return Saliency()


def _segmentation() -> "Task[Any, Any]":
    from .segmentation import Segmentation

    return Segmentation()


def _detection() -> "Task[Any, Any]":
    from .detection import Detection

    return Detection()


TASKS = {
    "saliency": Entry(SaliencyConfig, _saliency),
    "segmentation": Entry(SegmentationConfig, _segmentation),
    "detection": Entry(DetectionConfig, _detection),
}

CONFIGS = {name: entry.config for name, entry in TASKS.items()}
"""Task -> what its training can be told."""


@functools.cache
def get_task(name: str) -> "Task[Any, Any]":
    """Give a task by name, the same one each time.

    Raises:
        UsageError: there is no such task.
    """
    if name not in TASKS:
        raise UsageError(f"no task {name}: choose one of {', '.join(TASKS)}")
    return TASKS[name].load()


def task_of(config: RunConfig) -> str:
    """Name the task that a configuration is of."""
    return next(name for name, entry in TASKS.items() if isinstance(config, entry.config))
