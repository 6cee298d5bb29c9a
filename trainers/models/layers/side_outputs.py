"""The last layer of a deeply supervised model: several maps while it trains, one ever after."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="metricfit")
class SideOutputs(keras.layers.Layer):
    """Gives all of its maps in training, stacked for `losses.DeepSupervision`, and the first alone otherwise.

    So validation, averaged weights, saving and export see what any saliency model has: one output.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"name": "logits", "dtype": "float32", **more})

    def call(self, inputs: list[keras.KerasTensor], training: bool | None = None) -> keras.KerasTensor:
        """Bring K maps of logits, each [B, S, S, 1], to float32 [B, S, S, K] in training, to [B, S, S] otherwise."""
        return keras.ops.concatenate(inputs, axis=-1) if training else keras.ops.squeeze(inputs[0], axis=-1)

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        """Give the shape outside of training."""
        return tuple(input_shape[0][:-1])


def has_side_outputs(model: keras.Model) -> bool:
    """Tell whether a model gives several maps in training."""
    return isinstance(model.layers[-1], SideOutputs)
