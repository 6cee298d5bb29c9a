"""What losses of every task have to keep inside a Keras model."""

import keras
import numpy as np
import tensorflow as tf

from metricfit import losses

from .modes import MODES

ALIKE = {"jaccard_metric", "dice", "dice_semimetric", "tversky", "focal_tversky", "dice_semimetric_softmax"}
"""Losses that are `floss`, `soft_iou` or `jaccard_metric_softmax` but for numbers: these stand for what takes long."""
MADE_OF_OTHERS = {*ALIKE, "structure", "unified_focal"}
"""Losses that are sums of others besides, which need not be trained once more."""


def reduced(values, weight, reduction):
    """Bring values [B] with weights [B] together as a reduction of Keras does, in NumPy."""
    values = values * weight
    if reduction in (None, "none"):
        return values
    divisor = {"sum": 1, "mean_with_sample_weight": weight.sum()}.get(reduction, len(values))
    return values.sum() / divisor


def check_round_trip(name, model, other_values, folder):
    """Save a model compiled with the loss, all its hyperparameters changed; gives the loss that is loaded."""
    entry = losses.LOSSES[name]
    assert set(other_values) >= set(entry.hyperparameters), "give the new hyperparameter another value to save"
    changed = {key: other_values[key] for key in entry.hyperparameters}
    model.compile("sgd", losses.get(name, reduction="sum", **changed))
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras").loss
    assert type(loaded) is entry.loss_class
    assert loaded.get_config() == {"name": name, "reduction": "sum", **changed}
    defaults = {"name": name, "reduction": "sum_over_batch_size", **entry.hyperparameters}
    assert entry.loss_class().get_config() == defaults
    return loaded


def check_fit_in_mixed_precision(name, build, inputs, targets):
    """Compile with XLA in half precision and see the loss fall.

    Args:
        name: of the loss.
        build: (head_dtype) to a model.
        inputs: its inputs, of six examples.
        targets: their targets.
    """
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = build(head_dtype="mixed_float16")
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05), initial_scale=2**10)
        model.compile(optimizer, losses.get(name, from_logits=True), jit_compile=True)
        history = model.fit(inputs, targets, batch_size=6, epochs=15, verbose=0, shuffle=False).history["loss"]
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert np.isfinite(history).all()
    assert history[-1] < 0.8 * history[0]


def check_loss_scaling(name, build, inputs, targets):
    """See that a scaled loss leads to the same step; arguments as of `check_fit_in_mixed_precision`."""
    weights = []
    for scaled in (False, True):
        model = build()
        optimizer = keras.optimizers.SGD(0.5)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2**12)
        model.compile(optimizer, losses.get(name, from_logits=True), jit_compile=False)
        model.train_on_batch(inputs, targets)
        weights.append(model.get_weights())
    assert any((before != after).any() for before, after in zip(build().get_weights(), weights[0]))
    for plain, scaled in zip(*weights):
        np.testing.assert_allclose(scaled, plain, rtol=1e-6, atol=1e-7)


def value_and_gradient(name, y_true, y_pred, upstream=None, **arguments):
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        values = losses.LOSSES[name].function(y_true, y_pred, **arguments)
        total = tf.reduce_sum(values if upstream is None else values * tf.constant(upstream, values.dtype))
    return values, tape.gradient(total, y_pred)


def run(name, y_true, y_pred, mode="eager", **arguments):
    """Return the values and the gradient of Σ upstream · value, as NumPy in their own dtype."""
    return run_together(name, [(y_true, y_pred, arguments)], mode)[0]


def run_together(name, cases, mode):
    """Return what `run` does of each (targets, predictions, arguments), of all in one function, for XLA."""

    def steps(given):
        return [value_and_gradient(name, *each, **arguments) for each, (*_, arguments) in zip(given, cases)]

    found = MODES[mode](steps)([tuple(map(tf.convert_to_tensor, each)) for *each, _ in cases])
    return [(values.numpy(), gradient.numpy()) for values, gradient in found]
