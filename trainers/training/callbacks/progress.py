"""Keras' progress bar with the numbers that fit into a line."""

import sys
from collections.abc import Iterable
from typing import Any

import keras


class Progress(keras.callbacks.ProgbarLogger):
    """Keras' own bar (a line an epoch where there is no terminal) of the logs in `shown`, for `fit(verbose=0)`."""

    def __init__(self, shown: Iterable[str]) -> None:
        super().__init__()
        self.shown = tuple(shown)

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the number of steps and epochs; the verbosity of `fit` is that of its own bar."""
        super().set_params(params)
        self.verbose = 1 if sys.stdout.isatty() else 2

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        super().on_train_batch_end(batch, self._chosen(logs))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Finish the bar."""
        super().on_epoch_end(epoch, self._chosen(logs))

    def _chosen(self, logs: dict[str, Any] | None) -> dict[str, Any]:
        logs = logs or {}
        return {name: logs[name] for name in self.shown if name in logs}
