"""The rows of a comparison as the report calls and colours them, and tables of their means and spreads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...trainers.comparison import Comparison, Outcome, Row
from ...trainers.comparison.spread import Spread
from ...trainers.metrics.catalogue import Metric
from ..page.html import Label, table

Figures = Sequence[Mapping[str, Spread]]  # of each row, by the keys of the catalogue; what is lacking shows as a dash


@dataclass(frozen=True)
class LabelledRow(Label):
    """A row with its label: a control has the colour of its loss, and a dashed line."""

    row: Row = field(kw_only=True)

    @property
    def outcomes(self) -> list[Outcome]:
        """One for each seed."""
        return self.row.outcomes


def labelled(comparison: Comparison) -> list[LabelledRow]:
    """Call and colour the rows of a comparison."""
    places: dict[str, int] = {}
    return [
        LabelledRow(row_label(row), places.setdefault(row.entry.label, len(places)), bool(row.scales), row=row)
        for row in comparison.rows
    ]


def figures_on(row: Row, name: str) -> Mapping[str, Spread]:
    """Give a row's figures on a test set, and what a step of its training took where that is known."""
    steps = [1e3 * one.step_seconds for one in row.outcomes if one.step_seconds and not row.scales]
    return {**row.on(name), **({"step_ms": Spread.of(steps)} if steps else {})}


def row_label(row: Row) -> str:
    """Call a row by its loss, and by the mean factor on its logits where it is the control."""
    if not row.scales:
        return row.label
    low, high = min(row.scales), max(row.scales)
    return f"{row.label} ×{low:g}" + (f" to ×{high:g}" if high > low else "")


def spread_table(labels: Sequence[Label], columns: Sequence[Metric], figures: Figures, first: str = "Loss") -> str:
    """Lay out mean and spread of figures as HTML, the best of each column marked; `first` stands above the labels."""
    best = [_best(column, figures) for column in columns]
    lines = []
    for label, known in zip(labels, figures):
        texts = [format(known[one.key], one.form) if one.key in known else "–" for one in columns]
        lines.append((label.html, [(text, text.split(" ± ")[0] == top) for text, top in zip(texts, best)]))
    return table([first, *(column.narrow for column in columns)], lines)


def _best(column: Metric, figures: Figures) -> str | None:
    """Give the text of the best mean; None where it says nothing, as most rows share it."""
    means = [known[column.key].mean for known in figures if column.key in known]
    if not column.sign or len(means) < 2:
        return None
    best = column.text(max(means, key=lambda mean: column.sign * mean))
    shared = sum(column.text(mean) == best for mean in means)
    return best if shared <= len(means) / 2 else None
