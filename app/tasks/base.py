"""What differs between the tasks in the verbs that all of them share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...export.runners.base import Runner
from ...trainers.errors import UsageError
from ...trainers.metrics.catalogue import metrics_of
from ..reports import table
from ..results import Result
from ..show.threshold import Threshold

if TYPE_CHECKING:
    from ..bench.base import Bench
    from ..compare.presentation import Presentation

Files = Mapping[str, tuple[str, str]]
"""What predict writes of a picture, by kind: the file, `{}` standing for the picture's stem, and the view in it."""


class Writer:
    """What `metricfit predict` writes into the folder `out`: the files of each picture, and what results.json says."""

    def __init__(self, files: Files, threshold: Threshold, class_names: tuple[str, ...], out: Path):
        self.files, self.threshold, self.class_names, self.out = files, threshold, class_names, out

    @property
    def folders(self) -> list[Path]:
        """The folders that the files go into."""
        return [self.out / Path(pattern).parent for pattern, _ in self.files.values()]

    def settings(self) -> dict[str, Any]:
        """Give what results.json says about the threshold and the classes."""
        return {"threshold": self.threshold.value}

    def add(self, result: Result, stem: str) -> dict[str, Any]:
        """Write the files of one picture, called `stem` and their suffixes; gives what results.json says about it."""
        files = {kind: pattern.format(stem) for kind, (pattern, _) in self.files.items()}
        for kind, file in files.items():
            result.save(self.out / file, self.files[kind][1])
        return {"name": result.path, **result.to_dict(), "files": files}

    def finish(self) -> list[Path]:
        """Write what is about all pictures; gives the files."""
        return []


class AppTask(ABC):
    """One task; predictor, predict, demo, compare and bench are what all share.

    Attributes:
        name: as typed after `metricfit train`.
        result: the type of what is found.
        files: what predict writes of a picture; see `Writer`.
        digits: decimals of a threshold to show.
        columns: the figures that a training and an evaluation tell, and `class_columns` of each class.
    """

    name: ClassVar[str]
    result: ClassVar[type[Result]]
    files: ClassVar[Files]
    digits: ClassVar[int] = 2
    columns: ClassVar[tuple[str, ...]]
    class_columns: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check(self, found: Any, runner: Runner) -> None:
        """Look at what the runner gives for one picture.

        Raises:
            UsageError: it is a model of another kind.
        """

    @abstractmethod
    def restore(self, found: Any, runner: Runner, image: np.ndarray, threshold: Threshold, path: str) -> Result:
        """Bring what the runner gives for one picture into the picture's own pixels."""

    @abstractmethod
    def presentation(self) -> "Presentation":
        """Give what the report of a comparison shows; imported only then, as predict and demo draw no figures."""

    def tables(self, label: str, report: Any) -> str:
        """Lay out the report of an evaluation: the figures, and the classes where there are some."""
        laid = [table([(label, report.scalars)], metrics_of(*self.columns))]
        if self.class_columns:
            laid.append(table(report.class_scalars.items(), metrics_of(*self.class_columns)))
        return "\n\n".join(laid)

    @abstractmethod
    def bench(self) -> "Bench":
        """Give the benchmarks; imported only then, as exported models are run without TensorFlow."""

    def move(self, threshold: Threshold, step: float) -> Threshold:
        """Give the threshold that a key leads to: `step` further, from -1 to 1."""
        value = round(float(np.clip(threshold.value + step, 0.0, 1.0)), 2)
        return replace(threshold, value=value, origin="keys")

    def writer(self, threshold: Threshold, class_names: tuple[str, ...], out: Path) -> Writer:
        """Make what writes the results of one run of predict."""
        return Writer(self.files, threshold, class_names, out)


def check_range(scores: np.ndarray, runner: Runner, expected: str) -> None:
    """Refuse what is not within [0, 1], such as logits."""
    if not (np.isfinite(scores).all() and scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3):
        raise UsageError(
            f"expected a {expected}, {runner.path} gives {scores.min():.3g} to {scores.max():.3g}: export it with "
            "'metricfit export', or give another model"
        )
