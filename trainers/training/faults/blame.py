"""Where numbers stopped being numbers: a step is computed once more, layer by layer."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..devices.metric_states import held, hold


def unsound(variables: Any) -> str | None:
    """Give the path of the first of these variables that holds a value which is no finite number; None where none."""
    for variable in variables:
        values = keras.ops.convert_to_numpy(variable)
        if np.issubdtype(values.dtype, np.inexact) and not np.isfinite(values).all():
            return str(getattr(variable, "path", getattr(variable, "name", "a variable")))
    return None


def blamed(model: keras.Model, images: Any, targets: Any) -> str:
    """Say which layer of a compiled model gives the first value that is no number in a training step on a batch.

    Nothing is changed; it takes as long as a step outside of any graph. Where the step turns out well this time, since
    other values are dropped out say, that is said.
    """
    if path := unsound(model.weights):
        return f"the weight {path} is no number"
    changing = [*model.non_trainable_variables, *model.metrics_variables]
    before = [held(variable) for variable in changing]
    found: list[str] = []
    try:
        with _noting(model, found), tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = model.compute_loss(x=images, y=targets, y_pred=outputs, training=True)
        gradients = tape.gradient(loss, model.trainable_weights)
        statistics = unsound(model.non_trainable_variables)
    finally:
        for variable, value in zip(changing, before, strict=True):
            hold(variable, value)
    if found:
        return f"layer {found[0]} gives the first value that is no number"
    if not np.isfinite(float(loss)):
        return "all layers give numbers, the loss does not"
    if statistics:
        return f"all layers give numbers, {statistics} is none"
    # They flow from the loss back: the last layer that has such gradients is the first to get them.
    for weight, gradient in reversed(list(zip(model.trainable_weights, gradients, strict=True))):
        if gradient is not None and not np.isfinite(keras.ops.convert_to_numpy(gradient)).all():
            return f"all layers give numbers, the gradient of {weight.path} is none"
    return "computed once more it was a number, so it hangs on what is drawn by chance, or on rounding"


@contextlib.contextmanager
def _noting(model: keras.Model, found: list[str]) -> Iterator[None]:
    """Note meanwhile the names of the layers that give values which are no numbers, in the order of computing."""
    layers = [layer for layer in model._flatten_layers(include_self=False) if not layer._layers]
    own = {id(layer): vars(layer).get("call") for layer in layers}
    for layer in layers:
        object.__setattr__(layer, "call", _noted(layer.name, layer.call, found))
    try:
        yield
    finally:
        for layer in layers:
            if (call := own[id(layer)]) is None:
                object.__delattr__(layer, "call")
            else:
                object.__setattr__(layer, "call", call)


def _noted(name: str, call: Any, found: list[str]) -> Any:
    def noted(*arguments: Any, **settings: Any) -> Any:
        outputs = call(*arguments, **settings)
        for output in keras.tree.flatten(outputs):
            if output.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(output))):
                found.append(name)
        return outputs

    return noted
