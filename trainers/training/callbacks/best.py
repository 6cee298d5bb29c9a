"""The best model so far, as a file that is always whole."""

import json
import math
from pathlib import Path
from typing import Any

import keras

from ...errors import MetricfitError
from ...files import write_json, written_beside
from .averaged import averaged_weights


class BestModel(keras.callbacks.Callback):
    """Writes the model whenever the watched number improves: the averaged weights if the optimizer averages.

    Args:
        path: the `.keras` file to write: architecture and weights without optimizer, loss and metrics, or ValueError.
        monitor: a name in the logs of an epoch.
        mode: "max" or "min".
        record: the JSON file that keeps the best value, so that a resumed training does not overwrite a better model;
            None puts it beside, `model.best.json`. It counts only while `path` exists.
    """

    def __init__(
        self, path: str | Path, monitor: str = "val_max_f", mode: str = "max", record: str | Path | None = None
    ) -> None:
        super().__init__()
        self.path = Path(path)
        if mode not in ("max", "min"):
            raise ValueError(f'mode must be "max" or "min", got {mode!r}')
        if self.path.suffix != ".keras":
            raise ValueError(f"the path of the best model must end in .keras, got {path}")
        self.monitor, self.mode = monitor, mode
        self.record = Path(record) if record else self.path.with_suffix(".best.json")
        self.value: float | None = None
        self.epoch: int | None = None  # of that value, from 1
        if self.path.exists() and self.record.exists():
            entries = json.loads(self.record.read_text())
            if entries["monitor"] == monitor:
                self.value, self.epoch = entries["value"], entries["epoch"]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the model if this epoch is better than all before; raises `MetricfitError` without the watched name."""
        logs = logs or {}
        if self.monitor not in logs:
            raise MetricfitError(
                f"the best model is chosen by {self.monitor}, which this training does not log: "
                f"choose one of {', '.join(logs)}"
            )
        value, sign = float(logs[self.monitor]), 1 if self.mode == "max" else -1
        improved = self.value is None or sign * value > sign * self.value
        # Weights whose loss is no number are no model, whatever they score.
        if improved and not math.isnan(value) and math.isfinite(float(logs.get("loss", 0.0))):
            with averaged_weights(self.model):
                save_model(self.model, self.path)
            self.value, self.epoch = value, epoch + 1
            write_json(self.record, {"monitor": self.monitor, "value": value, "epoch": self.epoch})


def save_model(model: keras.Model, path: str | Path) -> Path:
    """Write a model: functional ones, and those with a `bare()` copy of themselves, without optimizer and loss."""
    if hasattr(model, "bare"):
        model = model.bare()
    elif type(model).__name__ == "Functional":
        model = keras.Model(model.input, model.output, name=model.name)
    with written_beside(path) as beside:
        model.save(beside)
    return Path(path)
