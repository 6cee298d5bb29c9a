"""How far a training is: a bar for each epoch, and a line at its end with the numbers that fit into it."""

import logging
import time
from collections.abc import Iterable
from typing import Any

import keras

from ...progress import progress
from ..callbacks.position import Position

log = logging.getLogger("metricfit")

MEASURED = 10  # steps of the first epoch, by which the time of all is told


class Progress(keras.callbacks.Callback):
    """Shows the logs in `shown`, for `fit(verbose=0)`, and soon after the beginning how long it will all take.

    Args:
        shown: names in the logs.
        position: tells how far an epoch is that was entered in its middle; None lets each begin at its first step.
    """

    def __init__(self, shown: Iterable[str], position: Position | None = None) -> None:
        super().__init__()
        self.shown, self.position = tuple(shown), position
        self._bar: Any = None
        self._began = self._warm = 0.0
        self._first: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open a bar."""
        if self._first is None:
            self._first = epoch
            log.info("the first step is compiled now, which takes up to a minute")
        self._began, self._epoch = self.position.began if self.position else time.monotonic(), epoch
        done = self.position.steps if self.position else 0
        title = f"epoch {epoch + 1} of {self.params['epochs']}"
        self._bar = progress(total=self.params["steps"], initial=done, desc=title, unit="step", leave=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        if "loss" in (logs or {}):
            self._bar.set_postfix_str(f"loss {float((logs or {})['loss']):.3f}", refresh=False)
        if self._epoch == self._first and batch == 0:
            # What is left is told by the steps behind the first one, which was compiled.
            self._bar.unpause()
            self._bar.initial = self._bar.n + 1
        self._bar.update()
        if self._epoch == self._first and batch in (0, MEASURED):
            now = time.monotonic()
            if batch:
                self._say_how_long((now - self._warm) / MEASURED)
            self._warm = now  # the first step was compiled, and is no measure

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Close the bar, and write the line."""
        self._bar.close()
        found = [
            f"{name.replace('val_', 'val ')} {float(value):.3f}"
            for name in self.shown
            if (value := (logs or {}).get(name)) is not None
        ]
        seconds = time.monotonic() - self._began
        log.info("epoch %d of %d, %.0f s: %s", epoch + 1, self.params["epochs"], seconds, ", ".join(found))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close a bar that an interruption left."""
        if self._bar is not None:
            self._bar.close()

    def _say_how_long(self, seconds: float) -> None:
        steps = self.params["steps"] * (self.params["epochs"] - self._epoch)
        steps -= self.position.entered.steps if self.position else 0
        whole = f"{seconds * steps / 60:.0f} minutes" if seconds * steps > 90 else f"{seconds * steps:.0f} seconds"
        self._bar.clear()
        log.info("about %s for %d steps of %.2g s, and some more to measure after each epoch", whole, steps, seconds)
