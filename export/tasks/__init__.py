"""The tasks that can be exported: a new one is its file and its line here. Imports no TensorFlow."""

from collections.abc import Mapping
from pathlib import Path

from ...trainers.errors import UsageError
from ...trainers.geometry import InputSize
from .base import ExportTask
from .detection import DetectionExport
from .saliency import SaliencyExport
from .segmentation import SegmentationExport

TASKS: dict[str, ExportTask] = {task.name: task for task in (SaliencyExport(), SegmentationExport(), DetectionExport())}


def get_task(name: str) -> ExportTask:
    """Give a task by name, or the error for one that cannot be exported."""
    if name not in TASKS:
        raise UsageError(f"a {name} model cannot be run here: expected a {alternatives()} model")
    return TASKS[name]


def alternatives() -> str:
    """Name the tasks, for errors: `saliency, segmentation or detection`."""
    *most, last = TASKS
    return f"{', '.join(most)} or {last}"


def task_of_outputs(image: list, outputs: Mapping[str, list], path: str | Path) -> tuple[ExportTask, InputSize]:
    """Tell which task a file's signature is of, by its input's and outputs' shapes, and the input's size."""
    for task in TASKS.values():
        if (size := task.find_size(image, outputs)) is not None:
            return task, size
    found = ", ".join(f"{name} {shape}" for name, shape in outputs.items())
    raise UsageError(
        f"{path} is no {alternatives()} model: expected input [B, h, w, 3] and output "
        f"{', or '.join(task.form for task in TASKS.values())}; got {image} and {found}"
    )
