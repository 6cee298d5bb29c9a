"""What the verbs print and write at their end: tables of figures, and a line for each thing made."""

import csv
import io
from pathlib import Path

from ..trainers.files import write_text

# Key in a report's scalars, heading, and digits.
SALIENCY_COLUMNS = (
    ("max_f", "MaxF", ".3f"),
    ("mean_f", "MeanF", ".3f"),
    ("mae", "MAE", ".3f"),
    ("mean_to_max", "MeanF/MaxF", ".3f"),
    ("optimal_threshold", "threshold", ".2f"),
    ("band_low", "band from", ".2f"),
    ("band_high", "to", ".2f"),
    ("polarisation", "polarised", ".3f"),
)


def table(rows: list[tuple[str, dict]], columns=SALIENCY_COLUMNS) -> str:
    """Lay out labelled figures as text.

    Args:
        rows: label and figures; a missing figure shows as "-".
        columns: key, heading and number format of each column.
    """
    cells = [["", *(heading for _, heading, _ in columns)]]
    for label, values in rows:
        cells.append([label, *(format(values[key], form) if key in values else "-" for key, _, form in columns)])
    return grid(cells)


def grid(cells: list[list[str]]) -> str:
    """Align text cells: the first column to the left, the others to the right."""
    widths = [max(len(str(row[column])) for row in cells) for column in range(len(cells[0]))]
    lines = []
    for row in cells:
        first, rest = str(row[0]).ljust(widths[0]), [str(cell).rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def made(paths) -> str:
    """One line for each thing made, with its path."""
    return "\n".join(f"made  {path}" for path in paths)


def write_csv(path, rows: list[dict]) -> Path:
    """Write rows with equal keys as a CSV file, whole or not at all; gives its path."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_text(path, text.getvalue())
