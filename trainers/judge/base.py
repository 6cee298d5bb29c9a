"""What a judge is: it takes in what a model found, example by example, and gives a report."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypedDict, TypeVar

import numpy as np
from matplotlib.figure import Figure

from ..data.example import Example
from ..errors import DataError
from ..figures.guarantee import guarantee_figure
from ..figures.panels import Picture
from ..figures.rendering import save
from ..guarantees.kept import Guarantee
from ..guarantees.losses import PictureLosses, losses_of
from ..guarantees.promise import Promise
from ..metrics.resampling import Drawn, over
from ..metrics.streaming import Streaming, check_same
from .clips.steadiness import Steadiness

PICTURES = 6  # that a report keeps to be drawn

FoundT = TypeVar("FoundT")
ReportT = TypeVar("ReportT", bound="Report")


class Thresholds(TypedDict):
    """Where to cut scores: best, the (low, high) around it that are nearly as good, and the best of each class."""

    optimal: float
    band: list[float]
    per_class: list[float]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Report(ABC):
    """How good a model is on one source; subclasses are frozen dataclasses."""

    label: str = "model"  # what it is called in figures
    pictures: list[Picture] = field(default_factory=list)  # a few, to be drawn
    errors: dict[str, float] = field(default_factory=dict)  # standard errors of scalars over the pictures, where known
    guarantee: Guarantee | None = None  # a threshold that keeps what was to be promised
    steadiness: Steadiness | None = None  # from frame to frame, where the pictures are those of clips

    only_steady: ClassVar[bool] = False  # whether steadiness is all that is known

    def __repr__(self) -> str:
        figures = ", ".join(f"{name}={value:.4g}" for name, value in self.scalars.items())
        return f"{type(self).__name__}({figures})"

    @property
    @abstractmethod
    def scalars(self) -> dict[str, float]:
        """The main figures by the keys of the metric catalogue; those that do not exist here are left out."""

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """Figures of each class by its name; those that do not exist are left out."""
        return {}

    @property
    def note(self) -> str:
        """What a reader of the figures should know besides, in a sentence; or nothing."""
        return ""

    @property
    def warning(self) -> str:
        """Say in a sentence that a model gives the same whatever it sees; empty where it does not."""
        return ""

    @property
    @abstractmethod
    def thresholds(self) -> Thresholds:
        """Where to cut the scores, in [0, 1]."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Give all figures and curves as JSON-able data."""

    @abstractmethod
    def figures(self, title: str = "") -> dict[str, Figure]:
        """Draw the curves and, as `panels`, the kept pictures; gives the figures by name."""

    def draw(self, folder: str | Path) -> list[Path]:
        """Write the figures as PNG files; gives these."""
        figures = self.figures()
        if self.guarantee:
            figures["guarantee"] = guarantee_figure(self.guarantee, self.label)
        if self.steadiness:
            figures |= self.steadiness.figures(self.label)
        return [save(figure, Path(folder) / f"{name}.png") for name, figure in figures.items()]


class Judge(ABC, Generic[FoundT, ReportT]):
    """Takes in examples and what was found in them, in the pictures' own pixels; nothing is predicted here.

    Two judges of two parts of a data set are merged to what one judge of all would be.

    Args:
        start: position of its first example in the data set, where it judges a part of it.
        shown: positions of the examples that the report keeps, see `evenly_spread`.
        label: name of the model in figures.
        by_picture: also keep what `resampled` needs of each picture.
        guarantee: what is to be promised of a threshold, which the examples choose.
    """

    settings: ClassVar[tuple[str, ...]] = ()  # what merged judges must share, besides what their measures must
    kind: ClassVar[str] = ""  # of what is found, as in `guarantees.losses.GRIDS`
    measures: dict[str, Streaming]

    def __init__(
        self,
        *,
        start: int = 0,
        shown: Iterable[int] = (),
        label: str = "model",
        by_picture: bool = False,
        guarantee: Promise | None = None,
        beta2: float = 1.0,
    ):
        self.label, self.by_picture = label, by_picture
        self.losses: PictureLosses | None = losses_of(guarantee, self.kind, beta2)
        self._next, self._shown = start, frozenset(shown)
        self._pictures: dict[int, Picture] = {}
        self._rows: dict[int, Any] = {}

    def update(self, example: Example, found: FoundT) -> None:
        """Take in one example; ValueError where what was found does not fit it."""
        truth, drawn = self._measure(example, found)
        if self._next in self._shown:
            self._pictures[self._next] = Picture(example.image, truth, drawn, example.name)
        if self.by_picture:
            self._rows[self._next] = self._row(truth, drawn)
        self._next += 1

    def merge(self, other: Self) -> None:
        """Take in what a judge of another part of the data set did; ValueError where it judges otherwise."""
        if other is self or type(other) is not type(self) or list(other.measures) != list(self.measures):
            raise ValueError(f"{type(self).__name__} merges with one of the same measures, got {type(other).__name__}")
        check_same(self, other, ("by_picture", *self.settings))
        pairs = [(measure, other.measures[name]) for name, measure in self.measures.items()]
        for measure, theirs in pairs:  # before anything is added up: a refusal leaves all as it was
            measure.check(theirs)
        for measure, theirs in pairs:
            measure.merge(theirs)
        self._pictures |= other._pictures
        self._rows |= other._rows
        self._next = max(self._next, other._next)

    def end_at(self, position: int) -> None:
        """Note that it was given all that can be judged up to this position in the data set, where the next part is."""
        self._next = position
        for measure in self.measures.values():
            measure.end_at(position)

    @property
    def guarantee(self) -> Guarantee | None:
        """The threshold that the examples so far choose, where something is to be promised."""
        return self.losses.result() if self.losses else None

    @property
    def examples(self) -> int:
        """How many pictures `resampled` chooses among."""
        return len(self._rows)

    @property
    def pictures(self) -> list[Picture]:
        """The pictures kept so far, in the order of the data set."""
        return [self._pictures[place] for place in sorted(self._pictures)]

    def resampled(self, drawn: Drawn) -> dict[str, np.ndarray]:
        """Give the main figures of sets of the same pictures that have each one so many times, float64 [R] by name.

        The counts [r, n] that make up `drawn` follow the order of the data set; NaN where a set has nothing to measure.
        Needs `by_picture`.
        """
        rows = [self._rows[place] for place in sorted(self._rows)]
        figures = self._resampled(rows) if rows else None

        def measured(counts: np.ndarray) -> dict[str, np.ndarray]:
            if figures is None or counts.shape[1:] != (len(rows),):
                raise ValueError(f"counts must have one column for each of {len(rows)} pictures, got {counts.shape}")
            with np.errstate(invalid="ignore", divide="ignore"):
                return figures(counts)

        return over(drawn, measured)

    @abstractmethod
    def _row(self, truth: Any, found: Any) -> Any:
        """Give what a picture adds, of what `_measure` gave."""

    @abstractmethod
    def _resampled(self, rows: list[Any]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Give what gives the main figures by counts [r, n], of what the pictures add."""

    @abstractmethod
    def _measure(self, example: Example, found: FoundT) -> tuple[Any, Any]:
        """Feed the measures; gives the truth and what was found as they are to be drawn."""

    def scalar(self, name: str) -> float:
        """Give one figure of the report; KeyError where it has none."""
        return float(self.result().scalars[name])

    @classmethod
    def without_each(cls, parts: Sequence[Self], name: str) -> np.ndarray | None:
        """Give a figure of all parts of a data set but one, for each of them, float64 [n]; None where it is cheap.

        For judges whose figure takes long, and can be had for all of them at once; NaN where nothing is left.
        """
        return None

    @abstractmethod
    def result(self) -> ReportT:
        """Give the report of all examples so far; MetricfitError where there is nothing to measure in them."""


def known(example: Example, field: str) -> np.ndarray:
    """Give the mask, labels, boxes or classes of an example; DataError where it has none."""
    value: np.ndarray | None = getattr(example, field)
    if value is None:
        raise DataError(f"{example.name} has no {field}: judge on data that have them")
    return value


def evenly_spread(examples: int, count: int = PICTURES) -> list[int]:
    """Give up to `count` places, spread evenly over a data set of so many examples."""
    return sorted(set(np.linspace(0, examples - 1, count).astype(int).tolist()))
