"""Where a training is, also within an epoch, which Keras can only begin."""

import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..devices.exchange import ALONE, Exchange
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


def build_metrics(model: keras.Model, batches: tf.data.Dataset) -> None:
    """Make what the metrics of a compiled model keep; Keras does so in the first step, too late to be given back."""
    model._symbolic_build(data_batch=batches.element_spec)


def metric_variables(model: keras.Model) -> list[Any]:
    """Give what the metrics of a model keep, in an order that follows from how it was compiled."""
    return [variable for metric in model.metrics for variable in metric.variables]


def measures_of(model: keras.Model) -> list[keras.metrics.Metric]:
    """Give the metrics that a model was compiled with."""
    # Keras keeps them inside of one container metric, beside the loss' own.
    return [one for metric in model.metrics for one in getattr(metric, "metrics", [])]


def held(variable: Any) -> np.ndarray:
    """Give what a metric's variable holds, of each device of this process, which add up each for itself: [D, ...]."""
    return np.stack([keras.ops.convert_to_numpy(part) for part in _parts(variable)])


def give(variable: Any, values: np.ndarray, exchange: Exchange = ALONE) -> None:
    """Let a metric's variable hold a part of values [R, ...], of as many devices, or values without that axis.

    On another number of devices, the first of all holds their sum.
    """
    parts = _parts(variable)
    count = len(parts) * exchange.workers
    each = values if values.ndim > len(variable.shape) else values[None]
    if len(each) != count:
        each = np.stack([each.sum(axis=0, dtype=each.dtype)] + [np.zeros_like(each[0])] * (count - 1))
    for part, value in zip(parts, each[exchange.worker * len(parts) :]):
        part.assign(value)


def _parts(variable: Any) -> Sequence[Any]:
    value = variable.value
    return value.values if isinstance(value, tf.distribute.DistributedValues) else [value]
