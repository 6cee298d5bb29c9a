"""What differs between the tasks that predict and demo can show."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Writer(Protocol):
    """What `metricfit predict` makes of results."""

    def settings(self) -> dict:
        """Give what results.json says about the thresholds."""

    def add(self, name: str, image: np.ndarray, result, stem: str) -> dict:
        """Write the files of one picture, called `stem` and their suffixes; gives what results.json says about it."""

    def finish(self) -> list[Path]:
        """Write what is about all pictures; gives the files."""


@dataclass(frozen=True)
class AppTask:
    """What differs between tasks; predictor, predict and demo are what they share.

    Attributes:
        name: as typed after `metricfit train`.
        check: (what the runner gives for one picture, runner): refuses a model of another kind.
        restore: (what the runner gives for one picture, runner, (height, width) of the picture) to the result in the
            picture's own pixels.
        resize: (result, (height, width), (height, width) wanted) to the result for the picture in another size.
        digits: decimals of a threshold to show.
        move: (`Threshold`, -1 to 1) to the one that a key leads to.
        found: (result, levels of the threshold) to what is in the picture, in a word or two.
        views: name to (image, result, levels of the threshold) -> picture, in the order of the demo.
        titles: what the views are called on the screen.
        snapshots: name to what a file gets instead of the view's picture.
        folders: what predict makes of a picture, and the folder it goes into.
        writer: (predictor, `Threshold`, folder) to a `Writer`.
    """

    name: str
    check: Callable
    restore: Callable[..., Any]
    resize: Callable[..., Any]
    digits: int
    move: Callable
    found: Callable[..., str]
    views: Mapping[str, Callable]
    titles: Mapping[str, str]
    snapshots: Mapping[str, Callable]
    folders: Mapping[str, str]
    writer: Callable[..., "Writer"]


TASKS = {"saliency": ".saliency", "segmentation": ".segmentation", "detection": ".detection"}
"""Name -> the room that holds its `TASK`."""


def get_task(name: str) -> AppTask:
    """Give a task by name; runners are of no other."""
    return importlib.import_module(TASKS[name], __package__).TASK


def all_tasks() -> list[AppTask]:
    """Give every task."""
    return [get_task(name) for name in TASKS]
