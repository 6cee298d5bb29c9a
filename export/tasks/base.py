"""What differs between the tasks that can be exported, and which task a model is of. Imports no TensorFlow."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...trainers.errors import UsageError

SIGNATURE = "serving_default"
"""Name of every model's first signature: what runners run."""
IMAGE = "image"
"""Name of every signature's input: uint8 [B, S, S, 3], RGB in 0..255."""
IMAGE_DESCRIPTION = "[B, S, S, 3], RGB, 0 to 255"


@dataclass(frozen=True)
class Facts:
    """What a model knows about itself, or a run about its model.

    Attributes:
        class_names: names of the classes by index; empty where unknown.
        palette: one RGB triple in 0..255 per class.
        resizing: how pictures become square: `stretch` or `pad`.
        threshold: where a run found it best to cut the scores, in [0, 1]; None where no run says so.
        per_class: the best threshold of each class; empty where there is only one for all.
    """

    class_names: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    resizing: str = "stretch"
    threshold: float | None = None
    per_class: tuple[float, ...] = ()


@dataclass(frozen=True)
class Stages:
    """A model cut in two, since quantisation is for the network and not for the arithmetic behind it.

    Attributes:
        body: from float32 pictures [B, S, S, 3] to {name: tensor}; what is quantised.
        tails: by signature, from those tensors by name to its outputs by name; they stay float32. Empty where the
            body itself gives those of `SIGNATURE`.
    """

    body: Callable
    tails: Mapping[str, Callable] = field(default_factory=dict)

    def serve(self, signature: str = SIGNATURE) -> Callable:
        """Give the whole function of a signature, from float32 pictures to its outputs by name."""
        if not self.tails:
            return self.body
        return lambda image: self.tails[signature](**self.body(image))


@dataclass(frozen=True)
class Page:
    """The parts of an exported model's README that its task words.

    Attributes:
        introduction: from a card to what the model does.
        thresholds: from a card to where its scores are cut.
        measures: (heading, from a file's entry in the card, or one of its `tests`, to the cell): what it achieves.
        columns: the same, of what else the table of files says: how it agrees with the Keras model.
        comparison: from a card to what the table's figures mean.
        usage: from a card to a command line.
        python: from a card to how it runs with this package.
        tflite: from a card and a file's name to how it runs with the TFLite runtime alone.
        saved_model: from a card to how it runs with TensorFlow alone.
    """

    introduction: Callable
    thresholds: Callable
    measures: tuple[tuple[str, Callable], ...]
    columns: tuple[tuple[str, Callable], ...]
    comparison: Callable
    usage: Callable
    python: Callable
    tflite: Callable
    saved_model: Callable


@dataclass(frozen=True)
class ExportTask:
    """What differs between tasks; exporter, runners and card are what they share.

    Attributes:
        name: as typed after `metricfit train`.
        needs: what an example must have to be measured on: `mask`, `labels` or `boxes`.
        outputs: description of each output of the signatures, by name.
        form: the same in a few words, for errors.
        facts: what is assumed of a model that comes without run and card.
        find_size: from the shapes of the input and of the outputs by name to the input's side in pixels; None where
            it is a model of another task.
        finish: from the outputs by name to what a runner gives.
        keras_size: from a Keras model to its input's side in pixels; None where it is a model of another task.
        prepare: (Keras model) to the one that is served.
        keras_facts: from a Keras model to its facts.
        run_facts: (facts, a run's metrics.json) to the facts with the run's thresholds.
        stages: from a Keras model to its `Stages`.
        compare: (`KerasRunner`, runners by file, source, configuration, quiet) to what the reference and each file
            did, with `metrics` and `thresholds` as they go into the card.
        check: (file, variant, what the reference did, what the file did) to their differences for the card; raises
            MetricfitError where they are too large.
        columns: of the table that `metricfit export` prints: key, heading and number format.
        page: the README's words.
        source_options: from a training's configuration to what `checked_source` is told besides.
    """

    name: str
    needs: str
    outputs: Mapping[str, str]
    form: str
    facts: Facts
    find_size: Callable[[list, Mapping[str, list]], int | None]
    finish: Callable[[dict[str, np.ndarray]], Any]
    keras_size: Callable
    prepare: Callable
    keras_facts: Callable
    run_facts: Callable
    stages: Callable
    compare: Callable
    check: Callable
    columns: tuple[tuple[str, str, str], ...]
    page: Page = field(repr=False)
    source_options: Callable = lambda config: {}


TASKS = {"saliency": ".saliency", "segmentation": ".segmentation", "detection": ".detection"}
"""Name -> the room that holds its `TASK`."""


def get_task(name: str) -> ExportTask:
    """Give a task by name.

    Raises:
        UsageError: a task that cannot be exported.
    """
    if name not in TASKS:
        raise UsageError(f"a {name} model cannot be run here: expected a {alternatives()} model")
    return importlib.import_module(TASKS[name], __package__).TASK


def all_tasks() -> list[ExportTask]:
    """Give every task that can be exported."""
    return [get_task(name) for name in TASKS]


def alternatives() -> str:
    """Name the tasks, for errors: `saliency, segmentation or detection`."""
    *most, last = TASKS
    return f"{', '.join(most)} or {last}"


def task_of_outputs(image: list, outputs: Mapping[str, list], path) -> tuple[ExportTask, int]:
    """Tell which task a signature is of.

    Args:
        image: the input's shape.
        outputs: the outputs' shapes by name.
        path: the file, for the error.

    Returns:
        The task and the side of the input in pixels.

    Raises:
        UsageError: none of them.
    """
    tasks = all_tasks()
    for task in tasks:
        if (size := task.find_size(image, outputs)) is not None:
            return task, size
    found = ", ".join(f"{name} {shape}" for name, shape in outputs.items())
    raise UsageError(
        f"{path} is no {alternatives()} model: expected input [B, S, S, 3] and output "
        f"{', or '.join(task.form for task in tasks)}; got {image} and {found}"
    )


def square_side(image: list) -> int | None:
    """Give the side S of an input [B, S, S, 3]; None where it has another shape."""
    fits = len(image) == 4 and image[3] == 3 and image[1] and image[1] == image[2]
    return int(image[1]) if fits else None
