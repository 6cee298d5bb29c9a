"""What a Keras metric says of targets that it cannot mean: at once, at the end of an epoch under XLA, or as a doubt."""

import warnings
from typing import Any

import keras
import tensorflow as tf


class TargetMetric(keras.metrics.Metric):
    """A metric whose sums become NaN under XLA by a value that is refused, and which counts what its targets hold."""

    ignore_label: int | None

    def __init__(self, name: str, dtype: str):
        super().__init__(name=name, dtype=dtype)
        # pictures, by the weights that they are given; NaN once a value was refused
        self.images = self.add_variable((), "zeros", name="images")
        self.foreground = self.add_variable((), "zeros", name="foreground")
        self.ignored = self.add_variable((), "zeros", name="ignored")

    def _count(self, labels: tf.Tensor, valid: tf.Tensor, weights: tf.Tensor) -> None:
        """Count the pictures of a batch, and which of its pixels are foreground, of a number above 0, and ignored."""
        foreground = tf.reduce_sum(tf.cast(valid & (labels > 0), self.dtype))
        for variable, value in (
            (self.images, tf.reduce_sum(tf.cast(weights, self.dtype))),
            (self.foreground, foreground),
            (self.ignored, tf.reduce_sum(tf.cast(~valid, self.dtype))),
        ):
            variable.assign(variable + value)

    def _look_back(self) -> None:
        """Say, outside of graphs, what was wrong with the targets so far.

        Raises:
            ValueError: a value was refused, which XLA could not say.
        """
        if not tf.executing_eagerly():
            return
        images, foreground, ignored = (
            float(keras.ops.convert_to_numpy(variable)) for variable in (self.images, self.foreground, self.ignored)
        )
        if images != images:
            raise ValueError(
                f"metric {self.name} was given values outside of its contract, which XLA cannot name: call its "
                "update_state with a batch outside of XLA (jit_compile=False) to see which"
            )
        if ignored and not foreground:
            warnings.warn(
                f"metric {self.name} has seen no foreground, and {self.ignore_label}, the ignore_label, in its "
                f"targets: for masks of 0 and {self.ignore_label} set ignore_label=None",
                stacklevel=3,
            )

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal metric."""
        return {**super().get_config(), "ignore_label": self.ignore_label}
