"""What differs between the tasks in the verbs that all of them share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...export.runners.base import Runner
from ...trainers.data.example import Ids
from ...trainers.data.targets import TARGETS
from ...trainers.errors import UsageError
from ...trainers.judge.tiles import Tiling
from ...trainers.metrics.catalogue import metrics_of
from ..reports import table
from ..results import Result
from ..show.lettering import Colour
from ..show.parts import SMALLEST
from ..show.threshold import Threshold

if TYPE_CHECKING:
    from ..bench.base import Bench
    from ..compare.presentation import Presentation

STEADY_COLUMNS = (
    "flicker", "mean_flicker", "blink", "flow_flicker", "truth_flicker", "truth_flow_flicker", "followed",
)  # fmt: skip
"""What an evaluation tells of clips, as far as it is there."""

Files = Mapping[str, tuple[str, str]]
"""What predict writes of a picture, by kind: the file, `{}` standing for the picture's stem, and the view in it."""


@dataclass
class Writer:
    """What `metricfit predict` writes into the folder `out`: the files of each picture, and what results.json says.

    `ids` are those by which the source numbers its pictures and classes, where all pictures are from one that does.
    """

    files: Files
    threshold: Threshold
    class_names: tuple[str, ...]
    out: Path
    ids: Ids | None = None
    objects: bool = False  # whether the objects of maps are framed

    def settings(self) -> dict[str, Any]:
        """Give what results.json says about the threshold and the classes."""
        return {"threshold": self.threshold.value}

    def add(self, result: Result, stem: str) -> dict[str, Any]:
        """Write the files of one picture, called `stem` and their suffixes; gives what results.json says about it."""
        files = {kind: pattern.format(stem) for kind, (pattern, _) in self.files.items()}
        for kind, file in files.items():
            result.save(self.out / file, self.files[kind][1], objects=self.objects)
        return {"name": result.path, **result.to_dict(), "files": files}

    def kept(self, result: Result) -> Any:
        """Give what `finish` needs of a picture besides its entry, as JSON can hold it; None where that is nothing."""
        return None

    def finish(self, done: Callable[[], Iterator[tuple[dict[str, Any], Any]]]) -> list[Path]:
        """Write what is about all pictures; gives the files.

        Args:
            done: gives the entry of each picture in results.json and what was kept of it, in their order, as often as
                it is called.
        """
        return []


class MapWriter(Writer):
    """What is written of maps, whose objects are connected parts."""

    def settings(self) -> dict[str, Any]:
        """As for others, and the smallest share of a picture that counts as an object."""
        return {**super().settings(), "smallest_object": SMALLEST}


class AppTask(ABC):
    """One task; predictor, predict, demo, compare and bench are what all share."""

    name: ClassVar[str]
    target: ClassVar[str]  # what is found, as a key of `TARGETS`
    result: ClassVar[type[Result]]
    writer: ClassVar[type[Writer]] = Writer
    files: ClassVar[Files]
    tiled: ClassVar[bool] = False  # whether it can look at pictures in parts
    digits: ClassVar[int] = 2  # of a threshold, after the point
    columns: ClassVar[tuple[str, ...]]  # the figures that a training and an evaluation tell
    class_columns: ClassVar[tuple[str, ...]] = ()  # and those of each class
    calibration: ClassVar[tuple[str, ...]]  # what an evaluation tells of how far scores are probabilities

    @abstractmethod
    def check(self, found: Any, runner: Runner) -> None:
        """Raise a UsageError when what the runner gives for one picture is not from a model of this task."""

    def restore(self, found: Any, runner: Runner, threshold: Threshold, image: np.ndarray, **about: Any) -> Result:
        """Bring what the runner gives for one picture into the picture's own pixels; the result says `about`, too."""
        height, width = image.shape[:2]
        restored = TARGETS[self.target].unfit(found, runner.size, runner.resizing, (height, width))
        return self._result(restored, runner, image=image, threshold=threshold, **about)

    def in_tiles(
        self, runner: Runner, tiling: Tiling, shown: np.ndarray, threshold: Threshold, image: np.ndarray, **about: Any
    ) -> Result:
        """Find what is in a picture and its tiles, in its own pixels; networks see it as `shown`. Of `tiled` ones."""
        raise NotImplementedError(f"{self.name} models look at a picture as a whole")

    @abstractmethod
    def _result(self, found: Any, runner: Runner, **about: Any) -> Result:
        """Make the result of what is in the picture's own pixels."""

    @abstractmethod
    def presentation(self) -> "Presentation":
        """Give what the report of a comparison shows; imported only then, as predict and demo draw no figures."""

    def tables(self, label: str, report: Any) -> str:
        """Lay out the report of an evaluation: the figures, and the classes where there are some."""
        laid = [table([(label, report.scalars)], metrics_of(*keys)) for keys in (self.columns, self.calibration)]
        if self.class_columns:
            laid.append(table(report.class_scalars.items(), metrics_of(*self.class_columns)))
        return "\n\n".join(laid)

    def steady_tables(self, label: str, steadiness: Any) -> str:
        """Lay out how steady a model is on clips: the figures that there are, and the classes where there are some."""
        scalars = steadiness.scalars
        laid = [table([(label, scalars)], [one for one in metrics_of(*STEADY_COLUMNS) if one.key in scalars])]
        if steadiness.class_scalars:
            laid.append(table(steadiness.class_scalars.items(), metrics_of("flicker")))
        return "\n\n".join([*laid, steadiness.note])

    @abstractmethod
    def bench(self) -> "Bench":
        """Give the benchmarks; imported only then, as exported models are run without TensorFlow."""

    def move(self, threshold: Threshold, step: float) -> Threshold:
        """Give the threshold that a key leads to: `step` further, from -1 to 1."""
        value = round(float(np.clip(threshold.value + step, 0.0, 1.0)), 2)
        return replace(threshold, value=value, origin="keys")


def check_range(scores: np.ndarray, runner: Runner, expected: str) -> None:
    """Refuse what is not within [0, 1], such as logits."""
    if not (np.isfinite(scores).all() and scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3):
        raise UsageError(
            f"expected a {expected}, {runner.path} gives {scores.min():.3g} to {scores.max():.3g}: export it with "
            "'metricfit export', or give another model"
        )


def colours(palette: Sequence[Sequence[int]] | np.ndarray) -> tuple[Colour, ...]:
    """Make plain numbers of a palette."""
    return tuple((int(red), int(green), int(blue)) for red, green, blue in palette)
