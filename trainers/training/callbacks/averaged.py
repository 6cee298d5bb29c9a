"""The moving average in place of the weights for a while, and back to the bit: Keras' `SwapEMAWeights` rounds."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras


class AveragedWeights(keras.callbacks.Callback):
    """Validates with the averaged weights of an optimizer with `use_ema=True`, and trains on with its own."""

    def __init__(self) -> None:
        super().__init__()
        self._swapped = ExitStack()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the average in."""
        self._swapped.enter_context(averaged_weights(self.model))

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Take the average out, also if a validation was interrupted and left it in."""
        self._swapped.close()


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Let a model hold its averaged weights, where its optimizer has some, inside of the `with` block."""
    pairs = _pairs(model)
    kept = [keras.ops.convert_to_numpy(variable).copy() for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept):
            variable.assign(value)


def _pairs(model: keras.Model) -> list[tuple[Any, Any]]:
    """Give (weight, its average) of every trainable weight."""
    optimizer: Any = getattr(model, "optimizer", None)
    # A LossScaleOptimizer (mixed precision) wraps the one that averages.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    averages = getattr(optimizer, "_model_variables_moving_average", None)
    # The averages are zeros until the first step.
    # On several devices the counter is no number by itself.
    if not averages or int(keras.ops.convert_to_numpy(optimizer.iterations)) == 0:
        return []
    return [pair for pair in zip(optimizer._trainable_variables, averages) if pair[1] is not None]
