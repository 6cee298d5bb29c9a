"""What all tasks share: training and comparison, on what a task is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.example import Source
from ..training.run import RunResult
from . import training
from .data import ConfigT
from .definition import Definition, ReportT
from .predictor import AnyModel


class Task(Definition[ConfigT, ReportT]):
    """One thing that models are trained for. A subclass says what is particular to it, see `Definition`."""

    # Training.

    def train(self, config: ConfigT) -> RunResult:
        """Train, or continue, one run; gives where everything is and how good it got.

        Ctrl-C, and the stop button of a notebook, finish the step, keep what is trained and give a result that is
        `interrupted`; a second one is raised at once. SIGTERM and SIGHUP do the same, and are then raised again, to
        end the process as they would have. In other threads than the main one nothing is interrupted.

        Raises:
            UsageError: settings that do not fit together, or a folder in which another process trains.
            DataError: unusable examples.
            DivergedError: the loss is no number.
        """
        return training.train(self, config)

    # Comparison.

    def measure(
        self, model: AnyModel, config: ConfigT, source: Source, scales: Sequence[float] = (1.0,)
    ) -> list[dict[str, Any]]:
        """Give what a comparison keeps of one model on one set, JSON-able, for each factor on its logits.

        That is `scalars`, `curves`, `classes` by name, `images`, and `pictures`, a few examples as data URIs: `name`,
        `image`, `truth`, `found`. It is a single one where scaling the logits changes nothing.
        """
        given: dict[str, Any] = {"batch_size": config.batch_size, "label": config.loss, "quiet": config.quiet}
        report = self.evaluate(model, source, **given, **self.measuring(config))
        return [self.measurement(report)]

    def score_curve(self, measurement: dict[str, Any]) -> tuple[Any, Any]:
        """Give thresholds [T] and the score at each, by which thresholds are carried from set to set."""
        raise NotImplementedError(f"{self.name} has no thresholds")

    def best_scale(self, model: AnyModel, config: ConfigT, selection: Source) -> tuple[float, dict[float, float]]:
        """Give the best factor on the logits, and the score of each that was tried; of a task with a `baseline`."""
        raise NotImplementedError(f"the logits of {self.name} models are not scaled")

    def derived(self, measurement: dict[str, Any], selection: dict[str, Any]) -> dict[str, float]:
        """Give further scalars of a measurement, by that on the selection split."""
        return {}

    def watched(self, folder: Path) -> dict[str, list[float]]:
        """Read what the training in a run folder itself recorded: lists over the epochs by name."""
        return {}
