"""The last layers of models: the logits of classes, and the maps of a deeply supervised network."""

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="metricfit")
class ClassLogits(keras.layers.Layer):
    """Gives logits on as float32; a saved model thereby knows its classes, and how pictures become its input."""

    def __init__(self, class_names: Sequence[str], resizing: str = "pad", **more: Any) -> None:
        super().__init__(**{"name": "logits", "dtype": "float32", **more})
        self.class_names, self.resizing = tuple(class_names), resizing

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Give [B, h, w, C] as float32."""
        return keras.ops.cast(inputs, "float32")

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal layer."""
        return {**super().get_config(), "class_names": list(self.class_names), "resizing": self.resizing}


def logits_layer(model: keras.Model) -> ClassLogits | None:
    """Give the last layer of a segmentation model; None where the model is another."""
    layers = getattr(model, "layers", None) or [None]
    return layers[-1] if isinstance(layers[-1], ClassLogits) else None


@keras.saving.register_keras_serializable(package="metricfit")
class SideOutputs(keras.layers.Layer):
    """Gives all of its maps in training, stacked for `losses.DeepSupervision`, and the first alone otherwise."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"name": "logits", "dtype": "float32", **more})

    def call(self, inputs: list[keras.KerasTensor], training: bool | None = None) -> keras.KerasTensor:
        """Bring K maps of logits, each [B, h, w, 1], to float32 [B, h, w, K] in training, to [B, h, w] otherwise."""
        return keras.ops.concatenate(inputs, axis=-1) if training else keras.ops.squeeze(inputs[0], axis=-1)


def has_side_outputs(model: keras.Model) -> bool:
    """Tell whether a model gives several maps in training."""
    return isinstance(model.layers[-1], SideOutputs)
