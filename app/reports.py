"""What the verbs print and write at their end: tables of figures, and a line for each thing made."""

import csv
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..trainers.files import write_text
from ..trainers.metrics.catalogue import Metric

say = logging.getLogger("metricfit.results").info
"""What a verb was asked for goes here, and is shown with --quiet, too; progress goes to the logger above it."""


def table(rows: Iterable[tuple[str, Mapping[str, Any]]], columns: Sequence[Metric], corner: str = "") -> str:
    """Lay out labelled numbers or `Spread`s by key as text, `corner` above the labels; a missing one shows as "-"."""
    cells = [
        [label, *(format(values[one.key], one.form) if one.key in values else "-" for one in columns)]
        for label, values in rows
    ]
    return grid([[corner, *(column.narrow for column in columns)], *cells])


def grid(cells: Sequence[Sequence[str]]) -> str:
    """Align text cells: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = []
    for first, *rest in cells:
        aligned = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:]))]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def made(paths: Iterable[str | Path]) -> str:
    """Name each thing made in a line."""
    return "\n".join(f"made  {path}" for path in paths)


def write_csv(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows with equal keys as a CSV file, whole or not at all; gives its path."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_text(path, text.getvalue())
