"""What differs between the tasks that can be compared; `compare` is what they share."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..training import run


@dataclass(frozen=True)
class ComparedTask:
    """A task as it is compared.

    A measurement is what is kept of one model on one set, JSON-able: `scalars` and `curves` by name, `classes` with
    figures by name where there are classes, and `pictures`, a few examples as data URIs: `name`, `image`, `truth`,
    `found`.

    Attributes:
        task: how it is trained.
        measure: (model, configuration, source, scales) to a measurement for each scale of the logits; 1 leaves them
            alone.
        score_curve: (measurement) to thresholds [T] and the score at each, by which thresholds are carried from set to
            set; None where there are no thresholds.
        best_threshold: the name of the scalar that says where a set's best threshold lies, in [0, 1].
        baseline: the loss from whose models the control with scaled logits is made; empty where scaling changes
            nothing.
        best_scale: (model, configuration, selection source) to the best factor on the logits, and the score of each.
        derived: (measurement, that on the selection split) to further scalars.
        watched: (run folder) to what the training itself recorded: lists over the epochs by name.
    """

    task: run.Task
    measure: Callable
    score_curve: Callable | None = None
    best_threshold: str = ""
    baseline: str = ""
    best_scale: Callable | None = None
    derived: Callable[[dict, dict], dict] = lambda measurement, selection: {}
    watched: Callable[[Path], dict] = lambda folder: {}

    @property
    def name(self) -> str:
        """As typed after `--task`."""
        return self.task.name


_COMPARED = ("saliency", "segmentation", "detection")


def get_compared(name: str) -> ComparedTask:
    """Give a task by its name, one of saliency, segmentation and detection."""
    return importlib.import_module(f".of_{_COMPARED[_COMPARED.index(name)]}", __package__).COMPARED
