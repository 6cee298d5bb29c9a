"""The last layer of a segmentation model: its logits, and what they stand for."""

from collections.abc import Sequence
from typing import Any

import keras

NAME = "logits"


@keras.saving.register_keras_serializable(package="metricfit")
class ClassLogits(keras.layers.Layer):
    """Gives logits on as float32; a saved model thereby knows its classes, and how pictures become its input.

    Args:
        class_names: one for each of the last axis.
        resizing: "pad" or "stretch".
        **more: of `keras.layers.Layer`.
    """

    def __init__(self, class_names: Sequence[str], resizing: str = "pad", **more: Any) -> None:
        super().__init__(**{"name": NAME, "dtype": "float32", **more})
        self.class_names, self.resizing = tuple(class_names), resizing

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Give [B, S, S, C] as float32."""
        return keras.ops.cast(inputs, "float32")

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal layer."""
        return {**super().get_config(), "class_names": list(self.class_names), "resizing": self.resizing}


def logits_layer(model: keras.Model) -> ClassLogits | None:
    """Give the last layer of a segmentation model; None where the model is another."""
    layers = getattr(model, "layers", None) or [None]
    return layers[-1] if isinstance(layers[-1], ClassLogits) else None
