"""The levels of a KerasCV backbone as one layer of a functional model."""

from collections.abc import Sequence
from typing import Any

import keras

from ..precision import dtype_policy


@keras.saving.register_keras_serializable(package="metricfit")
class BackboneLevels(keras.layers.Layer):
    """From pictures [B, h, w, 3] to a list of feature maps, one for each key of `pyramid_level_inputs` in levels."""

    def __init__(self, backbone: keras.Model, levels: Sequence[str], **more: Any) -> None:
        super().__init__(**more)
        self.levels = list(levels)
        self._described = keras.saving.serialize_keras_object(backbone)
        outputs = [backbone.get_layer(backbone.pyramid_level_inputs[level]).output for level in levels]
        self.extractor = keras.Model(backbone.input, outputs, name=f"{backbone.name}_levels")

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> list[keras.KerasTensor]:
        """Compute the levels."""
        return self.extractor(inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal layer."""
        return {**super().get_config(), "backbone": self._described, "levels": list(self.levels)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BackboneLevels":
        """Make the layer again."""
        with dtype_policy(keras.dtype_policies.get(config["dtype"])):  # a KerasCV backbone does not keep its own
            backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone})
