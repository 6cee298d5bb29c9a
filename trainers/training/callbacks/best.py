"""The best model so far, as a file that is always whole."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...errors import DivergedError, MetricfitError
from ...files import write_json, written_beside
from .averaged import averaged_weights


class BestModel(keras.callbacks.Callback):
    """Writes the model whenever the watched number improves: the averaged weights if the optimizer averages.

    Where the logs tell its standard error, `{monitor}_error`, an epoch within one of the highest is as good as that,
    and of such epochs the one with the larger `then` is kept: few pictures do not tell more.

    Args:
        path: the `.keras` file to write: architecture and weights without optimizer, loss and metrics, or ValueError.
        monitor: a name in the logs of an epoch.
        mode: "max" or "min".
        record: the JSON file that keeps the best value, so that a resumed training does not overwrite a better model;
            None puts it beside, `model.best.json`. It counts only while `path` exists.
        then: a name in the logs, of what decides between epochs that are equally good; larger is better.
    """

    def __init__(
        self,
        path: str | Path,
        monitor: str = "val_max_f",
        mode: str = "max",
        record: str | Path | None = None,
        then: str = "",
    ) -> None:
        super().__init__()
        self.path = Path(path)
        if mode not in ("max", "min"):
            raise ValueError(f'mode must be "max" or "min", got {mode!r}')
        if self.path.suffix != ".keras":
            raise ValueError(f"the path of the best model must end in .keras, got {path}")
        self.monitor, self.then, self.sign = monitor, then, 1 if mode == "max" else -1
        self.record = Path(record) if record else self.path.with_suffix(".best.json")
        self.value: float | None = None  # of the model that is kept
        self.epoch: int | None = None  # of that value, from 1
        self._second = -math.inf  # its `then`
        self._highest, self._error = -math.inf, 0.0  # the best value of all epochs, larger is better, and its error
        if self.path.exists():
            self._remember(_read_record(self.record))

    def _remember(self, entries: dict[str, Any]) -> None:
        if entries.get("monitor") == self.monitor:
            self.value, self.epoch = entries["value"], entries["epoch"]
            self._second = entries.get("then", self._second)
            self._highest = entries.get("highest", self.sign * entries["value"])
            self._error = entries.get("error", 0.0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the model if this epoch is better than all before; raises `MetricfitError` without the watched name."""
        logs = logs or {}
        if self.monitor not in logs:
            raise MetricfitError(
                f"the best model is chosen by {self.monitor}, which this training does not log: "
                f"choose one of {', '.join(logs)}"
            )
        height = self.sign * float(logs[self.monitor])
        better = self._consider(epoch + 1, logs)
        if better:
            with averaged_weights(self.model):
                save_model(self.model, self.path)
        if better or self._highest == height:
            self._write_record()

    def mend(self, rows: Iterable[Mapping[str, float]]) -> bool:
        """Write a damaged or missing record of the kept model anew, of the rows of its history; tells whether it was.

        Without a row to choose by there is none: the next epoch takes the place of whatever is kept.
        """
        if not self.path.exists() or _read_record(self.record):
            return False
        self.value = self.epoch = None
        taken = [self._consider(int(row["epoch"]), row) for row in rows if self.monitor in row]
        if any(taken):
            self._write_record()
        else:
            self.record.unlink(missing_ok=True)
        return True

    def _consider(self, epoch: int, logs: Mapping[str, float]) -> bool:
        """Take in the logs of an epoch, from 1; tells whether it takes the place of the one that is kept."""
        value, second = float(logs[self.monitor]), float(logs.get(self.then, -math.inf))
        # Weights whose loss is no number are no model, whatever they score.
        if not math.isfinite(value) or not math.isfinite(float(logs.get("loss", 0.0))):
            return False
        better = self._is_better(self.sign * value, float(logs.get(f"{self.monitor}_error", 0.0)), second)
        if better:
            self.value, self.epoch, self._second = value, epoch, second
        return better

    def _write_record(self) -> None:
        entries = {"monitor": self.monitor, "value": self.value, "epoch": self.epoch, "highest": self._highest}
        second_entry = {"then": self._second} if math.isfinite(self._second) else {}
        write_json(self.record, {**entries, "error": self._error, **second_entry})

    def _is_better(self, height: float, error: float, second: float) -> bool:
        """Tell whether an epoch takes the place of the one that is kept, and note it where it is the highest."""
        if self.value is None or height > self._highest:
            self._highest, self._error = height, error
            kept_is_equal = self.value is not None and self.sign * self.value >= height - error
            return not (kept_is_equal and self._second > second)
        return height >= self._highest - self._error and second > self._second


def _read_record(path: Path) -> dict[str, Any]:
    """Give the entries of a record; empty where there is none, or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("monitor"), str):
        return {}
    numbers = [found.get("value"), found.get("epoch"), *(found.get(name, 0) for name in ("highest", "error", "then"))]
    return found if all(isinstance(number, (int, float)) for number in numbers) else {}


class Patience(keras.callbacks.Callback):
    """Ends a training when for so many epochs none took the place of the best one; None never does.

    It must stand behind its `BestModel`.
    """

    def __init__(self, best: BestModel, epochs: int | None) -> None:
        super().__init__()
        self.best, self.epochs, self.reached = best, epochs, False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop if it has been long enough."""
        if self.is_over(epoch + 1):
            self.reached = self.model.stop_training = True

    def is_over(self, done: int) -> bool:
        """Tell whether the best of so many epochs lies too far back."""
        return self.epochs is not None and self.best.epoch is not None and done - self.best.epoch >= self.epochs


def save_model(model: keras.Model, path: str | Path) -> Path:
    """Write a model: functional ones, and those with a `bare()` copy of themselves, without optimizer and loss.

    Raises:
        DivergedError: a weight is no number; the file that is there stays.
    """
    if hasattr(model, "bare"):
        model = model.bare()
    elif type(model).__name__ == "Functional":
        model = keras.Model(model.input, model.output, name=model.name)
    if not all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in model.weights):
        raise DivergedError(f"the weights are no numbers any more, so {path} is not written: lower --learning-rate")
    with written_beside(path) as beside:
        model.save(beside)
    return Path(path)
