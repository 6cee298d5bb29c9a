"""The tasks: this is the one place that names them on this floor. Imports no TensorFlow until one is asked for."""

import functools
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..machine import held_back_stderr
from ..training.config import CONFIGS, RunConfig

if TYPE_CHECKING:
    from .base import Task

__all__ = ["CONFIGS", "get_task", "task_of"]


@functools.cache
def _tasks() -> "dict[str, Task[Any, Any]]":
    with held_back_stderr():
        from .detection import Detection
        from .saliency import Saliency
        from .segmentation import Segmentation

    return {task.name: task for task in (Saliency(), Segmentation(), Detection())}


def get_task(name: str) -> "Task[Any, Any]":
    """Give a task by name, the same one each time; raises `UsageError` for another name."""
    if name not in CONFIGS:
        raise UsageError(f"no task {name}: choose one of {', '.join(CONFIGS)}")
    return _tasks()[name]


def task_of(config: RunConfig) -> str:
    """Name the task that a configuration is of."""
    return next(name for name, config_class in CONFIGS.items() if isinstance(config, config_class))
