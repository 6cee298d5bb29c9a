"""What is particular to a task in an export, and what all tasks share there. Imports no TensorFlow."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ...trainers.calibration.held_out import Fitted
from ...trainers.errors import UsageError
from ...trainers.geometry import InputSize, input_size
from ...trainers.metrics.catalogue import CATALOGUE
from ...trainers.models.detector.suppression import Suppression
from ..formats.variant import Variant
from ..parity.agreement import Agreement, MapAgreement
from ..signatures import KerasModel, Stages, Tensors

if TYPE_CHECKING:
    from ..serving.resizing import Frame
else:
    Frame = Any  # a name for annotations, since nothing here imports TensorFlow

SAME_SCORE = 1e-4
"""By which scores may differ that one network gives, once alone and once with what surrounds it."""

Answer = np.ndarray | tuple[np.ndarray, ...]
"""What a runner gives for a batch of pictures, see `Runner.__call__`."""

Column = tuple[str, Callable[[Mapping[str, Any]], str]]
"""A heading, and from a file's entry in the card (or one of its `tests`) to the cell."""


@dataclass(frozen=True)
class Facts:
    """What a model knows about itself, or a run about its model; see `Runner`."""

    class_names: tuple[str, ...] = ()
    palette: tuple[tuple[int, ...], ...] = ()
    resizing: str = "stretch"
    threshold: float | None = None  # None where no run says where it is best
    per_class: tuple[float, ...] = ()
    fitted: Fitted | None = None  # how its scores are calibrated


class ExportTask(ABC):
    """One task in an export: how its models are told, cut, run, compared and tabulated. Its README is beside it."""

    name: ClassVar[str]  # as typed after `metricfit train`
    outputs: ClassVar[Mapping[str, str]]  # description of each output of the signatures, by name
    form: ClassVar[str]  # the same in a few words, for errors
    facts: ClassVar[Facts] = Facts()  # what is assumed of a model that comes without run and card
    measures: ClassVar[tuple[Column, ...]]  # of the README's tables: what a file achieves
    agreements: ClassVar[tuple[Column, ...]]  # further ones of the files' table: how they agree with the Keras model
    columns: ClassVar[tuple[str, ...]]  # of the table that `metricfit export` prints: keys of the metric catalogue
    main: ClassVar[tuple[str, ...]]  # metrics whose difference from the Keras model's is in the card
    batch_size: ClassVar[int] = 16  # pictures at a time when files are compared
    calibrates: ClassVar[bool] = False  # whether its scores can be calibrated
    second: ClassVar[str] = ""  # a further signature, whose outputs must be those of the first in other words
    pictures: ClassVar[Mapping[str, str]]  # of the signature `PICTURES` the description of each output, by name
    encoded: ClassVar[Mapping[str, str]]  # of `ENCODED` those of the outputs besides `height` and `width`
    suppression: Suppression | None = None  # how boxes are thinned out, of a task that has some

    def suppressing(self, suppression: Suppression | None) -> Self:
        """Give the task with another suppression, None for its usual one; UsageError where it has no boxes."""
        if suppression is None:
            return self
        raise UsageError(
            f"--nms, --nms-iou, --nms-sigma, --nms-per-class and --max-detections are for detection models, this is a "
            f"{self.name} model: leave them out"
        )

    @abstractmethod
    def find_size(self, image: list, outputs: Mapping[str, list]) -> InputSize | None:
        """Give the size of the input by the shapes of input and outputs; None where it is of another task."""

    @abstractmethod
    def keras_size(self, model: KerasModel) -> InputSize | None:
        """Give the size of a Keras model's input; None where it is of another task."""

    def prepare(self, model: KerasModel) -> KerasModel:
        """Give the model that is served."""
        return model

    def keras_facts(self, model: KerasModel) -> Facts:
        """Say what a Keras model knows about itself."""
        return self.facts

    def run_facts(self, facts: Facts, metrics: dict[str, Any]) -> Facts:
        """Add the thresholds of a run, out of its metrics.json."""
        return facts

    @abstractmethod
    def stages(self, model: KerasModel) -> Stages:
        """Cut a Keras model into what is quantised and what is not: what files are made of."""

    def whole(self, model: KerasModel) -> Stages:
        """Give the model that files are compared with: as it is where `stages` makes more than one network of it."""
        return self.stages(model)

    @abstractmethod
    def restore(self, found: Tensors, frame: Frame, thresholds: Any) -> Tensors:
        """Bring the outputs of `SIGNATURE` into the pictures' own pixels: those of `PICTURES`, as a predictor has them.

        In TensorFlow; the thresholds are float32 [C], by class.
        """

    @abstractmethod
    def carried(self, restored: Tensors) -> Tensors:
        """Make the outputs of `ENCODED`, without the axis of pictures, of those of `PICTURES` for one picture."""

    @abstractmethod
    def departure(self, found: Mapping[str, np.ndarray], expected: Any, thresholds: np.ndarray) -> str:
        """Say how the outputs of `PICTURES` for one picture depart from what `Target.unfit` gives; empty if nowhere."""

    def finish(self, outputs: dict[str, np.ndarray]) -> Answer:
        """Make what a runner gives of a signature's outputs."""
        (found,) = outputs.values()
        return found

    def leave_room(self, model: KerasModel) -> np.ndarray | None:
        """Have the files of a model hold numbers that change no score, to be replaced; gives them, None without any."""
        return None

    def calibration_numbers(self, fitted: Fitted) -> np.ndarray:
        """Give what takes the place of the numbers of `leave_room`."""
        raise NotImplementedError(f"scores of {self.name} are not calibrated")

    def agreement(self, model: KerasModel, variant: Variant) -> Agreement:
        """Make what compares a file's answers with the Keras model's: value by value, unless a task knows better."""
        return MapAgreement()

    def candidates(self, model: KerasModel) -> Callable[[np.ndarray], Any]:
        """Give what the agreement is told of a batch of pictures besides: a function of uint8 [B, h, w, 3]."""
        return lambda images: None

    def contradiction(self, answer: Answer, others: Mapping[str, np.ndarray]) -> str:
        """Say how the outputs of a file's signature `second` contradict what it gives; empty where they do not."""
        return ""

    def judging(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Give the options of the trainers' judge, by a training's settings."""
        return {}

    def figures(self, scalars: Mapping[str, float]) -> dict[str, float]:
        """Give those figures of a report that belong among the metrics of a card."""
        return {name: float(value) for name, value in scalars.items()}


def figure(key: str, part: str = "metrics", form: str = ".4f") -> Column:
    """Make a column of a figure of the metric catalogue, which stands in a part of an entry."""
    return CATALOGUE[key].heading, lambda entry: format(entry[part][key], form)


def pictures_size(image: list) -> InputSize | None:
    """Give the size of an input [B, h, w, 3]; None where it has another shape."""
    fits = len(image) == 4 and image[3] == 3 and image[1] and image[2]
    return input_size([int(side) for side in image[1:3]]) if fits else None
