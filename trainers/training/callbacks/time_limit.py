"""A limit on the time of a training."""

import time
from collections.abc import Sequence
from typing import Any

import keras


class TimeLimit(keras.callbacks.Callback):
    """Ends a training cleanly at the end of an epoch, when the next one would not fit into the time; one always runs.

    The next epoch is expected to take as long as the shortest so far, with validation and callbacks.

    Args:
        minutes: time for the training, above 0; None sets no limit.
        spent: seconds of the epochs before, of a training that goes on.
        under_way: seconds that the epoch has taken already in which it goes on.
        lost: seconds that went into what was taken back.
    """

    def __init__(
        self, minutes: float | None, spent: Sequence[float] = (), under_way: float = 0.0, lost: float = 0.0
    ) -> None:
        super().__init__()
        if minutes is not None and not minutes > 0:
            raise ValueError(f"the time limit must be a positive number of minutes, got {minutes}")
        self.limit = float("inf") if minutes is None else 60.0 * minutes
        self.spent, self.reached = lost + sum(spent), False
        self._under_way, self._mark, self._shortest = under_way, 0.0, min(spent, default=float("inf"))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._mark = time.monotonic() - self._under_way

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop if the next epoch would end too late."""
        now = time.monotonic()
        last, self._mark = now - self._mark, now
        self.spent += last
        self._shortest = min(self._shortest, last)
        if self.spent + self._shortest > self.limit:
            self.reached = self.model.stop_training = True
