"""The end of a training whose loss is no number any more."""

import math
from pathlib import Path
from typing import Any

import keras

from ...errors import DivergedError
from .position import Position


class Divergence(keras.callbacks.Callback):
    """Raises `DivergedError` at the first step whose loss is no finite number, before anything is measured or kept."""

    def __init__(self, folder: str | Path, position: Position | None = None) -> None:
        super().__init__()
        self.folder, self.position, self._epoch = Path(folder), position, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note which it is."""
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss."""
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            step = self.position.steps if self.position else batch + 1
            kept = "; the best epoch before is kept" if (self.folder / "model.keras").is_file() else ""
            raise DivergedError(
                f"the loss became {loss} in {self.folder}, at step {step} of epoch {self._epoch}: try a lower "
                f"--learning-rate{kept}"
            )
