"""Thresholds of one set on another: matrices, and where the best threshold of each set lies."""

import html

import numpy as np

from ...trainers.comparison import SELECTION, Comparison, get_compared
from ...trainers.figures.comparison import best_thresholds_figure, colour_of
from .columns import Column, row_label, spread_table
from .page import figure, grid, paragraph, swatch
from .page_svg import to_svg

FULL_SHADE = 0.05
"""The loss at which a cell is shaded most."""


def transfer_section(comparison: Comparison, rows: dict[str, tuple[int, bool]]) -> str:
    """Give the section; empty for a task without thresholds."""
    if comparison.rows[0].outcomes[0].transfer is None:
        return ""
    score = "F1" if comparison.task == "detection" else "F"
    matrices = [_matrix(row, row_label(row), rows[row_label(row)], score) for row in comparison.rows]
    text = (
        f"{score} on each set (column) at the threshold that is best on another (line), and below it what is lost "
        "against the column's own best threshold. Means over the seeds. The shade grows with the loss."
    )
    return (
        "<h2>Thresholds carried over to other data</h2>"
        + paragraph(text)
        + grid(matrices)
        + "<h3>Where the best thresholds lie</h3>"
        + grid(_thresholds(comparison, rows))
    )


def _matrix(row, label: str, colour: tuple[int, bool], score: str) -> str:
    transfers = [outcome.transfer for outcome in row.outcomes]
    names = transfers[0].names
    scores = np.mean([transfer.scores for transfer in transfers], axis=0)
    lost = np.mean([transfer.loss for transfer in transfers], axis=0)
    thresholds = np.mean([transfer.thresholds for transfer in transfers], axis=0)
    used = [place for place, name in enumerate(names) if name != SELECTION]
    head = "".join(f"<th>{score} on {html.escape(names[place])}</th>" for place in used)
    lines = []
    for place, name in enumerate(names):
        cells = "".join(_cell(scores[place, at], lost[place, at], own=place == at) for at in used)
        lines.append(f"<tr><th>{html.escape(name)}<br>{_shown(thresholds[place], score)}</th>{cells}</tr>")
    body = f"<thead><tr><th>threshold of</th>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return (
        f'<div class="card"><h3>{swatch(colour)}{html.escape(label)}</h3><div class="scroll">'
        f'<table class="matrix">{body}</table></div></div>'
    )


def _shown(threshold: float, score: str) -> str:
    """Write a threshold: of maps, whose logits were cut, as a probability where that tells it from 0 and 1."""
    if score == "F1":
        return f"{threshold:.3g}"
    probability = 1 / (1 + np.exp(-threshold))
    return f"{probability:.3f}" if 0.001 <= probability <= 0.999 else f"logit {threshold:.3g}"


def _cell(score: float, lost: float, *, own: bool) -> str:
    shade = 0.55 * min(1.0, lost / FULL_SHADE)
    below = "own best" if own else f"−{lost:.4f}"
    return f'<td style="background: rgba(var(--lost), {shade:.2f})">{score:.3f}<small>{below}</small></td>'


def _best_thresholds(comparison: Comparison, outcome) -> list[float]:
    key = get_compared(comparison.task).best_threshold
    return [kept["scalars"].get(key, np.nan) for kept in outcome.sets.values()]


def _thresholds(comparison: Comparison, rows: dict) -> list[str]:
    drawn = []
    for row in comparison.rows:
        label = row_label(row)
        found = np.array([_best_thresholds(comparison, outcome) for outcome in row.outcomes])
        drawn.append((label, colour_of(rows[label][0]), found))
    svg = to_svg(
        best_thresholds_figure(drawn, list(comparison.rows[0].outcomes[0].sets)),
        "thresholds",
        "Best threshold of each set by row",
    )
    caption = (
        "The best threshold of each set (marks), their mean (line) and standard deviation (bar), averaged over the "
        "seeds; as Fig. 3b of the FLoss paper."
    )
    columns = [
        Column("threshold_mean", "mean of the best thresholds", ".3f", 0),
        Column("threshold_variance", "variance", ".2g", 0),
    ]
    table = spread_table(rows, columns, [row.overall for row in comparison.rows])
    return [figure(svg, caption), f"<div>{table}</div>"]
