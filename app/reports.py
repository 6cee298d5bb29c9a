"""What the verbs print and write at their end: tables of figures, and a line for each thing made."""

import csv
import io
import logging
import os
import shutil
import sys
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
    """Align text cells: the first column to the left, the others to the right.

    What is wider than the terminal goes on below, under the first column again; where there is no terminal all is wide.
    """
    first, *others = ([*column] for column in zip(*cells))
    widths, room = [max(map(len, column)) for column in others], terminal_width()
    if room:
        first = _cut(first, max(12, room - max(widths, default=0) - 2))
    label = max(map(len, first))
    blocks: list[list[str]] = []
    left = 0
    for column, width in zip(others, widths):
        if not blocks or (room and width + 2 > left):
            blocks.append([text.ljust(label) for text in first])
            left = room - label
        blocks[-1] = [f"{line}  {text.rjust(width)}" for line, text in zip(blocks[-1], column)]
        left -= width + 2
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks or [first])


def terminal_width() -> int:
    """Give the columns of the terminal, or those that COLUMNS says; 0 where there is none."""
    if not os.environ.get("COLUMNS") and not sys.stdout.isatty():
        return 0
    return shutil.get_terminal_size().columns


def _cut(labels: Sequence[str], room: int) -> list[str]:
    """Shorten labels at their start, of which the end says more, where that leaves them different."""
    cut = [label if len(label) <= room else "…" + label[1 - room :] for label in labels]
    return cut if len(set(cut)) == len(set(labels)) else list(labels)


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
