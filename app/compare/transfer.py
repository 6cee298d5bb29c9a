"""Thresholds of one set on another: matrices, and where the best threshold of each set lies."""

import html
from collections.abc import Sequence

import numpy as np

from ...trainers.comparison import SELECTION, Comparison
from ...trainers.figures.comparison import best_thresholds_figure, colour_of
from ...trainers.metrics.catalogue import Metric
from ...trainers.tasks import get_task
from ..page.html import figure, grid, paragraph
from ..page.svg import to_svg
from .presentation import Presentation
from .tables import LabelledRow, spread_table

FULL_SHADE = 0.05  # the loss at which a cell is shaded most


def transfer_section(comparison: Comparison, rows: Sequence[LabelledRow], presentation: Presentation) -> str:
    """Give the section; empty for a task without thresholds."""
    if not presentation.score:
        return ""
    text = (
        f"{presentation.score} on each set (column) at the threshold that is best on another (line), and below it what "
        "is lost against the column's own best threshold. Means over the seeds. The shade grows with the loss."
    )
    return (
        "<h2>Thresholds carried over to other data</h2>"
        + paragraph(text)
        + grid(_matrix(row, presentation) for row in rows)
        + "<h3>Where the best thresholds lie</h3>"
        + grid(_best_thresholds(comparison, rows))
    )


def _matrix(row: LabelledRow, presentation: Presentation) -> str:
    transfers = [outcome.transfer for outcome in row.outcomes if outcome.transfer]
    names = transfers[0].names
    each = zip(*((transfer.scores, transfer.loss, transfer.thresholds) for transfer in transfers))
    scores, lost, thresholds = (np.mean(seeds, axis=0) for seeds in each)
    used = [place for place, name in enumerate(names) if name != SELECTION]
    head = "".join(f"<th>{presentation.score} on {html.escape(names[place])}</th>" for place in used)
    lines = []
    for place, name in enumerate(names):
        cells = "".join(_cell(scores[place, at], lost[place, at], own=place == at) for at in used)
        lines.append(f"<tr><th>{html.escape(name)}<br>{presentation.threshold(thresholds[place])}</th>{cells}</tr>")
    body = f"<thead><tr><th>threshold of</th>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="card"><h3>{row.html}</h3><div class="scroll"><table class="matrix">{body}</table></div></div>'


def _cell(score: float, lost: float, *, own: bool) -> str:
    shade = 0.55 * min(1.0, lost / FULL_SHADE)
    below = "own best" if own else f"−{lost:.4f}"
    return f'<td style="background: rgba(var(--lost), {shade:.2f})">{score:.3f}<small>{below}</small></td>'


def _best_thresholds(comparison: Comparison, rows: Sequence[LabelledRow]) -> list[str]:
    key = get_task(comparison.task).best_threshold

    def best(row: LabelledRow) -> np.ndarray:
        return np.array([[one["scalars"].get(key, np.nan) for one in each.sets.values()] for each in row.outcomes])

    drawn = [(row.text, colour_of(row.place), best(row)) for row in rows]
    shown = best_thresholds_figure(drawn, list(comparison.rows[0].outcomes[0].sets))
    svg = to_svg(shown, "thresholds", "Best threshold of each set by row")
    caption = (
        "The best threshold of each set (marks), their mean (line) and standard deviation (bar), averaged over the "
        "seeds; as Fig. 3b of the FLoss paper."
    )
    columns = [
        Metric("threshold_mean", "mean of the best thresholds", ".3f", None, ""),
        Metric("threshold_variance", "variance", ".2g", None, ""),
    ]
    table = spread_table(rows, columns, [row.row.overall for row in rows])
    return [figure(svg, caption), f"<div>{table}</div>"]
