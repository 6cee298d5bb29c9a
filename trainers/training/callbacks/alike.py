"""What several processes do alike: take a step, and at the end of an epoch go on, or stop."""

from typing import Any

import keras

from ..devices.exchange import Exchange


class StopsAlike(keras.callbacks.Callback):
    """Lets all processes stop where the chief does, who watches time and patience; put it last among the callbacks.

    Where one of them hangs, the others wait for it in a step no longer than is allowed.
    """

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Wait for the others from now on."""
        self.exchange.step_begins()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Wait no longer."""
        self.exchange.step_ends()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Hear what the chief does."""
        self.model.stop_training = self.exchange.by_chief(lambda: bool(self.model.stop_training))
