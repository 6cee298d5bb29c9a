"""The moving average of the weights, put in place of the weights for a while and taken out again, to the bit.

Keras' own `SwapEMAWeights` swaps by adding and subtracting, which rounds: each validation would change the training.
"""

from contextlib import contextmanager

import keras


class AveragedWeights(keras.callbacks.Callback):
    """Validates with the averaged weights of an optimizer with `use_ema=True`; does nothing with other optimizers.

    Training goes on with the weights themselves. Its place among the callbacks does not matter.
    """

    def __init__(self):
        super().__init__()
        self._swapped = None

    def on_test_begin(self, logs=None):
        """Put the average in."""
        self._swapped = averaged_weights(self.model)
        self._swapped.__enter__()

    def on_test_end(self, logs=None):
        """Take the average out."""
        self._swapped.__exit__(None, None, None)
        self._swapped = None

    def restore(self):
        """Take the average out if a validation was interrupted and left it in."""
        if self._swapped is not None:
            self.on_test_end()


@contextmanager
def averaged_weights(model: keras.Model):
    """Let a model hold its averaged weights inside of the `with` block.

    Nothing changes for an optimizer without average, or one that has not stepped yet.
    """
    pairs = _pairs(model)
    kept = [keras.ops.convert_to_numpy(variable).copy() for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept):
            variable.assign(value)


def _pairs(model):
    """Give (weight, its average) of every trainable weight."""
    optimizer = getattr(model, "optimizer", None)
    # A LossScaleOptimizer (mixed precision) wraps the one that averages.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    averages = getattr(optimizer, "_model_variables_moving_average", None)
    # The averages are zeros until the first step.
    if not averages or int(optimizer.iterations) == 0:
        return []
    return [pair for pair in zip(optimizer._trainable_variables, averages) if pair[1] is not None]
