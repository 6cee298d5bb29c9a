"""One row of numbers an epoch, in a table that any program reads."""

import csv
import time
from pathlib import Path
from typing import Any

import keras

from ...files import written_beside
from .position import Position


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
        rows = [row for row in _read(self.path) if int(row["epoch"]) <= epoch]
        rows.append(
            {
                "epoch": epoch + 1,
                "seconds": round(time.monotonic() - self._began, 3),
                "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
                **self._trained,
                **{name: float(value) for name, value in (logs or {}).items()},
            }
        )
        columns = dict.fromkeys(name for row in rows for name in row)
        with written_beside(self.path) as beside, beside.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)


def read_history(path: str | Path) -> list[dict[str, float]]:
    """Give the rows of a history file as numbers, without the empty cells; `epoch` is an int. No file, no rows."""
    rows = [{name: float(text) for name, text in row.items() if text != ""} for row in _read(Path(path))]
    return [{**row, "epoch": int(row["epoch"])} for row in rows]


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
