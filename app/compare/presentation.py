"""What the report of a comparison shows of a task; a subclass says it of one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ...trainers.comparison import Comparison, Outcome, Row
from ...trainers.comparison.spread import mean_curve
from ...trainers.figures.comparison import Line, colour_of
from ...trainers.metrics.catalogue import CATALOGUE, Metric
from ...trainers.metrics.histogram import THRESHOLDS
from .tables import Figures, LabelledRow


class Presentation(ABC):
    """One task in the report: its texts, `lead` figures and columns, and the score that picks thresholds, if any."""

    heading: ClassVar[str] = "What scaling cannot move"
    opening: ClassVar[str]
    lead: ClassVar[tuple[str, ...]]
    overall: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]]
    score: ClassVar[str] = ""

    @abstractmethod
    def figures(self, comparison: Comparison, rows: Sequence[LabelledRow]) -> list[str]:
        """Draw what belongs to the task alone, as parts of the page."""

    def metric(self, key: str) -> Metric:
        """Give what stands in the head of a column."""
        return CATALOGUE[key]

    def threshold(self, value: float) -> str:
        """Write a threshold."""
        return f"{value:.3g}"

    def swept(self, rows: Sequence[Row], test: str) -> dict[str, np.ndarray]:
        """Give the scores to draw over a hyperparameter's values, [values, seeds] by name."""
        return {
            self.metric(key).heading: np.array([[one.figures(test)[key] for one in row.outcomes] for row in rows])
            for key in self.lead
        }

    def set_columns(self) -> list[Metric]:
        """Give the columns of the table of a test set."""
        return [self.metric(key) for key in self.columns]

    def lead_table(self, comparison: Comparison) -> tuple[list[Metric], Figures]:
        """Give columns and figures of the opening's table."""
        on_sets = [
            replace(metric, key=f"{name}/{metric.key}", narrow=f"{metric.heading} on {name}")
            for name in comparison.tests
            for metric in map(self.metric, self.lead)
        ]
        figures = [
            {f"{name}/{key}": value for name in comparison.tests for key, value in row.on(name).items()} | row.overall
            for row in comparison.rows
        ]
        over_all = [replace(metric, narrow=metric.heading) for metric in map(self.metric, self.overall)]
        return [*on_sets, *over_all], figures


def curves_of(outcomes: Sequence[Outcome], test: str, key: str) -> list[np.ndarray]:
    """Give a curve of each seed on a test set."""
    return [np.asarray(outcome.sets[test]["curves"][key]) for outcome in outcomes]


def line_of(row: LabelledRow, curves: Sequence[np.ndarray], x: np.ndarray = THRESHOLDS) -> Line:
    """Make a row's line of a curve of each of its seeds."""
    return Line(row.text, colour_of(row.place), row.dashed, np.asarray(x, np.float64), *mean_curve(curves))
