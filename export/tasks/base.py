"""What is particular to a task in an export, and what all tasks share there. Imports no TensorFlow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from ...trainers.metrics.catalogue import CATALOGUE
from ..parity.agreement import Agreement
from ..parity.maps import MapAgreement
from ..signatures import Stages

if TYPE_CHECKING:
    import keras

    from ...trainers.data.example import Source

Answer = np.ndarray | tuple[np.ndarray, ...]
"""What a runner gives for a batch of pictures, see `Runner.__call__`."""


Column = tuple[str, Callable[[dict[str, Any]], str]]
"""A heading, and from a file's entry in the card (or one of its `tests`) to the cell."""


class Runs(Protocol):
    """What a task uses of a runner, see `Runner`."""

    path: Path

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Bring a picture to the input."""

    def __call__(self, images: np.ndarray) -> Answer:
        """Find what is in pictures."""

    def outputs(self, images: np.ndarray, signature: str) -> dict[str, np.ndarray]:
        """Run one of the signatures."""


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
    palette: tuple[tuple[int, ...], ...] = ()
    resizing: str = "stretch"
    threshold: float | None = None
    per_class: tuple[float, ...] = ()


class ExportTask(ABC):
    """One task in an export: how its models are told, cut, run, compared and tabulated. Its README is beside it.

    Attributes:
        name: as typed after `metricfit train`.
        outputs: description of each output of the signatures, by name.
        form: the same in a few words, for errors.
        facts: what is assumed of a model that comes without run and card.
        measures: columns of the README's tables: what a file achieves.
        agreements: further columns of the table of files: how they agree with the Keras model.
        columns: of the table that `metricfit export` prints: keys of the metric catalogue.
        main: metrics whose difference from the Keras model's is in the card.
        batch_size: pictures at a time when files are compared.
    """

    name: ClassVar[str]
    outputs: ClassVar[Mapping[str, str]]
    form: ClassVar[str]
    facts: ClassVar[Facts] = Facts()
    measures: ClassVar[tuple[Column, ...]]
    agreements: ClassVar[tuple[Column, ...]]
    columns: ClassVar[tuple[str, ...]]
    main: ClassVar[tuple[str, ...]]
    batch_size: ClassVar[int] = 16

    @abstractmethod
    def find_size(self, image: list, outputs: Mapping[str, list]) -> int | None:
        """Give the side of the input in pixels by the shapes of input and outputs; None where it is of another task."""

    @abstractmethod
    def keras_size(self, model: keras.Model) -> int | None:
        """Give the side of a Keras model's input in pixels; None where it is of another task."""

    def prepare(self, model: keras.Model) -> keras.Model:
        """Give the model that is served."""
        return model

    def keras_facts(self, model: keras.Model) -> Facts:
        """Say what a Keras model knows about itself."""
        return self.facts

    def run_facts(self, facts: Facts, metrics: dict[str, Any]) -> Facts:
        """Add the thresholds of a run, out of its metrics.json."""
        return facts

    @abstractmethod
    def stages(self, model: keras.Model) -> Stages:
        """Cut a Keras model into what is quantised and what is not."""

    def finish(self, outputs: dict[str, np.ndarray]) -> Answer:
        """Make what a runner gives of a signature's outputs."""
        (found,) = outputs.values()
        return found

    def agreement(self) -> Agreement:
        """Make what compares a file's answers with the Keras model's: value by value, unless a task knows better."""
        return MapAgreement()

    def candidates(self, model: keras.Model) -> Callable[[np.ndarray], Any]:
        """Give what the agreement is told of a batch of pictures besides: a function of uint8 [B, S, S, 3]."""
        return lambda images: None

    def contradiction(self, runner: Runs, source: Source) -> str | None:
        """Say where an exported file contradicts itself on pictures of a source; None where it does not."""
        return None

    def judging(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Give the options of the trainers' judge, by a training's settings."""
        return {}

    def figures(self, scalars: Mapping[str, float]) -> dict[str, float]:
        """Give those figures of a report that belong among the metrics of a card."""
        return {name: float(value) for name, value in scalars.items()}


def figure(key: str, part: str = "metrics", form: str = ".4f") -> Column:
    """Make a column of a figure of the metric catalogue, which stands in a part of an entry."""
    return CATALOGUE[key].heading, lambda entry: format(entry[part][key], form)


def square_side(image: list) -> int | None:
    """Give the side S of an input [B, S, S, 3]; None where it has another shape."""
    fits = len(image) == 4 and image[3] == 3 and image[1] and image[1] == image[2]
    return int(image[1]) if fits else None
