"""Keras' TensorBoard series, each once."""

from typing import Any

import keras


class Series(keras.callbacks.TensorBoard):
    """TensorBoard of scalars by epoch, without the second copy of the validation's that Keras writes by step."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the validation and write nothing: what it found is in the logs of the epoch."""
        super().on_test_end({})
