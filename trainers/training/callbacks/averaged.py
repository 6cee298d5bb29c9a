"""The moving average of the weights, put in place of the weights for a while and taken out again, to the bit.

Keras' own `SwapEMAWeights` swaps by adding and subtracting, which rounds: each validation would change the training.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import keras


class AveragedWeights(keras.callbacks.Callback):
    """Validates with the averaged weights of an optimizer with `use_ema=True`; does nothing with other optimizers.

    Training goes on with the weights themselves. Its place among the callbacks does not matter.
    """

    def __init__(self) -> None:
        super().__init__()
        self._swapped: AbstractContextManager[None] | None = None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the average in."""
        swapped = averaged_weights(self.model)
        swapped.__enter__()
        self._swapped = swapped

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Take the average out."""
        if self._swapped is not None:
            self._swapped.__exit__(None, None, None)
        self._swapped = None

    def restore(self) -> None:
        """Take the average out if a validation was interrupted and left it in."""
        self.on_test_end()


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
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


def _pairs(model: keras.Model) -> list[tuple[Any, Any]]:
    """Give (weight, its average) of every trainable weight."""
    optimizer: Any = getattr(model, "optimizer", None)
    # A LossScaleOptimizer (mixed precision) wraps the one that averages.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    averages = getattr(optimizer, "_model_variables_moving_average", None)
    # The averages are zeros until the first step.
    if not averages or int(optimizer.iterations) == 0:
        return []
    return [pair for pair in zip(optimizer._trainable_variables, averages) if pair[1] is not None]
