"""Where a training is, also within an epoch, which Keras can only begin."""

import time
from typing import Any

import keras
import numpy as np

from ..devices.exchange import ALONE, Exchange
from ..devices.metric_states import give, held, metric_variables
from ..states import BEGINNING, Reached


class Position(keras.callbacks.Callback):
    """Counts epochs and steps, and lets `fit` enter an epoch in its middle; put it first among the callbacks.

    `fit` is to have `initial_epoch=entered.epochs`, data that begin with the first step to take, and the metrics built
    (`build_metrics`). Keras numbers the steps of an entered epoch from 0 and would take as many as of a whole one; its
    metrics would forget the first part.

    Args:
        entered: how far the training is when `fit` begins.
        exchange: tells who else trains, whose metrics hold a part, too; all must ask `reached` together.
    """

    def __init__(self, entered: Reached = BEGINNING, exchange: Exchange = ALONE) -> None:
        super().__init__()
        self.exchange = exchange
        self.entered, self.epoch, self.steps = entered, entered.epochs, entered.steps
        self.began = 0.0  # by the monotonic clock, as if the epoch under way had not been interrupted

    def reached(self) -> Reached:
        """Give how far the training is now; at the end of an epoch's steps that is not measured yet."""
        by_worker = self.exchange.all([held(variable) for variable in metric_variables(self.model)])
        of_all = [np.concatenate(parts) for parts in zip(*by_worker, strict=True)]
        metrics = tuple(values if len(values) > 1 else values[0] for values in of_all)
        return Reached(self.epoch, self.steps, time.monotonic() - self.began, metrics, self.params["steps"])

    def left(self) -> int:
        """Count the steps that the epoch under way still has."""
        return self.params["steps"] - self.steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin to count, and give the metrics what they held."""
        before = self.entered if epoch == self.entered.epochs else Reached(epoch)
        self.epoch, self.steps, self.began = epoch, before.steps, time.monotonic() - before.seconds
        if before.steps:
            for variable, values in zip(metric_variables(self.model), before.metrics, strict=True):
                give(variable, values, self.exchange)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count, and end the epoch that was entered."""
        self.steps += 1
        if batch + 1 < self.steps and not self.left():
            self.model.stop_training = True  # ends the steps, after which the epoch is measured as any other

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the training go on after the epoch that was entered."""
        if epoch == self.entered.epochs:
            self.model.stop_training = False
