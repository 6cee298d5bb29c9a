"""One row of numbers an epoch, in a table that any program reads."""

import csv
import io
import time
from pathlib import Path
from typing import Any

import keras

from ...files import written_beside
from ..callbacks.position import Position


class HistoryCSV(keras.callbacks.Callback):
    """Writes `epoch` (from 1), seconds, learning rate and logs; resuming drops the rows from there on.

    Args:
        path: the table.
        position: tells when an epoch began that was entered in its middle; None lets each begin now.
    """

    def __init__(self, path: str | Path, position: Position | None = None) -> None:
        super().__init__()
        self.path, self.position = Path(path), position
        self._began = 0.0
        self._trained: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._began = self.position.began if self.position else time.monotonic()
        self._trained = {}

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Note when the training steps of the epoch were done."""
        self._trained = {"training_seconds": round(time.monotonic() - self._began, 3)}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the rows before this epoch, and this epoch's."""
        rows = [row for row in read_history(self.path) if row["epoch"] <= epoch]
        rows.append(
            {
                "epoch": epoch + 1,
                "seconds": round(time.monotonic() - self._began, 3),
                "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
                **self._trained,
                **{name: float(value) for name, value in (logs or {}).items()},
            }
        )
        _write(self.path, rows)


def read_history(path: str | Path) -> list[dict[str, float]]:
    """Give the rows of a history file as numbers, without the empty cells; `epoch` is an int. No file, no rows.

    Of a damaged file it is the rows that are whole; `mended_history` writes them anew.
    """
    return _read(Path(path))[0]


def mended_history(path: str | Path) -> bool:
    """Write a damaged history file anew, of its whole rows, or remove it where there are none; tells whether it was."""
    path = Path(path)
    rows, whole = _read(path)
    if whole:
        return False
    if rows:
        _write(path, rows)
    else:
        path.unlink()
    return True


def _write(path: Path, rows: list[dict[str, float]]) -> None:
    columns = dict.fromkeys(name for row in rows for name in row)
    with written_beside(path) as beside, beside.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _read(path: Path) -> tuple[list[dict[str, float]], bool]:
    """Give the whole rows of a file, and whether that is all of it."""
    if not path.is_file():
        return [], True
    text = path.read_bytes().decode("utf-8", "replace")
    lines = [*io.StringIO(text, newline="")]
    # A line that was cut off has no end, and its last number may be another one.
    ended = [line for line in lines if line[-1] in "\r\n"]
    columns, *table = [_cells(line) for line in ended] or [[]]
    rows: list[dict[str, float]] = []
    for cells in table:
        row = _numbers(columns, cells)
        if row is not None and row["epoch"] > (rows[-1]["epoch"] if rows else 0):
            rows.append({**row, "epoch": int(row["epoch"])})
    return rows, "epoch" in columns and len(rows) == len(lines) - 1


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line]))
    except csv.Error:
        return []


def _numbers(columns: list[str], cells: list[str]) -> dict[str, float] | None:
    if "epoch" not in columns or "seconds" not in columns or len(cells) != len(columns):
        return None
    try:
        found = {name: float(text) for name, text in zip(columns, cells) if text}
    except ValueError:
        return None
    return found if found.get("epoch", 0.5).is_integer() else None
