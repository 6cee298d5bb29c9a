"""What the metrics of a model hold, of each device that adds up for itself, taken out and given back."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .exchange import ALONE, Exchange


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
    """Give what a variable holds, of each device of this process, which add up each for itself: [D, ...]."""
    return np.stack([keras.ops.convert_to_numpy(part) for part in _parts(variable)])


def hold(variable: Any, values: np.ndarray) -> None:
    """Let a variable hold on each device of this process what `held` gave."""
    for part, value in zip(_parts(variable), values, strict=True):
        part.assign(value)


def give(variable: Any, values: np.ndarray, exchange: Exchange = ALONE) -> None:
    """Let a metric's variable hold a part of values [R, ...], of as many devices, or values without that axis.

    On another number of devices each holds as much of their sum: what a device finds by itself is then still the mean.
    """
    devices = len(_parts(variable))
    each = values if values.ndim > len(variable.shape) else values[None]
    if len(each) != devices * exchange.workers:
        each = _shared_out(each.sum(axis=0, dtype=each.dtype), devices * exchange.workers)
    hold(variable, each[exchange.worker * devices :][:devices])


def _shared_out(total: np.ndarray, count: int) -> np.ndarray:
    """Give [count, ...] that adds up to a total, as evenly as its numbers go."""
    whole = np.issubdtype(total.dtype, np.integer)
    share = total // count if whole else (total / count).astype(total.dtype)
    rest = (total - (count - 1) * share).astype(total.dtype)
    return np.stack([rest] + [share] * (count - 1))


def _parts(variable: Any) -> Sequence[Any]:
    value = variable.value
    return value.values if isinstance(value, tf.distribute.DistributedValues) else [value]
