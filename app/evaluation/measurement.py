"""What is measured on what, and how: settled once, then done by this process or by workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...trainers.data.example import Source
from ...trainers.data.labels import LabelCoding
from ...trainers.data.pixel_files.coding import FileCoding
from ...trainers.tasks import get_task
from ...trainers.tasks.base import Task
from ..options import EvaluateOptions
from ..predictor import Predictor


@dataclass(frozen=True)
class Measurement:
    """A model, the data that it is measured on, and what its judge is told."""

    options: EvaluateOptions
    predictor: Predictor
    source: Source
    files: FileCoding
    coding: LabelCoding | None  # of class maps alone
    settings: Mapping[str, Any]  # of the judge, and the views

    @property
    def task(self) -> Task[Any, Any]:
        """The model's task."""
        return get_task(self.predictor.runner.task)

    @property
    def label(self) -> str:
        """What figures call the model."""
        return Path(self.options.model).name
