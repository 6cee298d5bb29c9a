"""The selection data measured by a model of one device, where several devices train: in the batches of one device."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from .exchange import Exchange
from .metric_states import build_metrics, give, held, metric_variables


class Measurement:
    """Measures what a model of several devices has learnt; takes the place of its `evaluate` in `fit`.

    Batches are not divided: a loss of a whole batch sees the pictures that it would see on one device, and the last
    batch may be of any size. Each process measures its share, and what their metrics add up to is that of all.

    Args:
        model: that is trained; its metrics hold the measurement afterwards.
        twin: of one device, with the same loss and metrics.
        batches: of this process' share.
        exchange: tells who else measures.
    """

    def __init__(self, model: keras.Model, twin: keras.Model, batches: tf.data.Dataset, exchange: Exchange) -> None:
        self.model, self.twin, self.batches, self.exchange = model, twin, batches, exchange
        build_metrics(twin, batches)  # also where there is nothing to measure

    def __call__(self, callbacks: Any) -> dict[str, float]:
        """Measure, with Keras' list of callbacks; gives the logs."""
        callbacks.on_test_begin()
        self.twin.set_weights(self.model.get_weights())
        self.twin.reset_metrics()
        if int(self.batches.cardinality()):
            noting = keras.callbacks.LambdaCallback()
            noting.on_test_batch_begin = callbacks.on_test_batch_begin
            noting.on_test_batch_end = callbacks.on_test_batch_end
            self.twin.evaluate(self.batches, verbose=0, callbacks=[noting])
        variables = metric_variables(self.twin)
        sums = self.exchange.added_up([held(variable)[0] for variable in variables])
        for variable, total in zip(variables, sums, strict=True):
            variable.assign(total)
        logs = _flat(self.twin.get_metrics_result())
        for variable, total in zip(metric_variables(self.model), sums, strict=True):
            give(variable, total, self.exchange)
        callbacks.on_test_end(logs)
        return logs


def _flat(logs: Mapping[str, Any]) -> dict[str, float]:
    """Give logs as numbers, those of a metric of several in one row with the others."""
    flat: dict[str, float] = {}
    for name, value in logs.items():
        flat |= _flat(value) if isinstance(value, Mapping) else {name: float(value)}
    return flat
