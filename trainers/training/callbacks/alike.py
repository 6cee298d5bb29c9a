"""What several processes must do alike at the end of an epoch: go on, or stop."""

from typing import Any

import keras

from ..devices.exchange import Exchange


class StopsAlike(keras.callbacks.Callback):
    """Lets all processes stop where the chief does, who watches time and patience; put it last among the callbacks."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Hear what the chief does."""
        self.model.stop_training = self.exchange.by_chief(lambda: bool(self.model.stop_training))
