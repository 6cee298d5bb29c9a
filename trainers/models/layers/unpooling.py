"""What ENet rearranges, in operators that XLA compiles and TFLite has built in: of max-unpooling it has none."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="metricfit")
class Unpooling(keras.layers.Layer):
    """Undoes a 2x2 max-pooling: each value goes where the (first) maximum was, 0 elsewhere; its gradient is exact."""

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Bring values [B, H, W, C], beside what was pooled [B, 2H, 2W, C], to [B, 2H, 2W, C]."""
        values, before = inputs
        *parts, _ = quarters = tf.split(tf.nn.space_to_depth(before, 2), 4, axis=-1)
        largest = tf.maximum(tf.maximum(*quarters[:2]), tf.maximum(*quarters[2:]))
        nothing = tf.zeros_like(values)
        free: tf.Tensor | None = None
        placed = []
        for part in parts:
            here = tf.equal(part, largest)
            placed.append(tf.where(here if free is None else tf.logical_and(here, free), values, nothing))
            elsewhere = tf.logical_not(here)
            free = elsewhere if free is None else tf.logical_and(free, elsewhere)
        # Without a comparison, so that every value has a place whatever a compiler does to the numbers.
        placed.append(tf.where(free, values, nothing))
        return tf.nn.depth_to_space(tf.concat(placed, axis=-1), 2)


@keras.saving.register_keras_serializable(package="metricfit")
class DepthToSpace(keras.layers.Layer):
    """Lays [B, H, W, n n C] out as [B, n H, n W, C], the channels of one place side by side; `block` is n."""

    def __init__(self, block: int, **more: Any) -> None:
        super().__init__(**more)
        self.block = block

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Rearrange."""
        return tf.nn.depth_to_space(inputs, self.block)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal layer."""
        return {**super().get_config(), "block": self.block}


@keras.saving.register_keras_serializable(package="metricfit")
class PadChannels(keras.layers.Layer):
    """Adds so many channels of zeros behind those of [B, H, W, C]."""

    def __init__(self, extra: int, **more: Any) -> None:
        super().__init__(**more)
        self.extra = extra

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Give [B, H, W, C + extra]."""
        return tf.pad(inputs, [[0, 0], [0, 0], [0, 0], [0, self.extra]])

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal layer."""
        return {**super().get_config(), "extra": self.extra}
