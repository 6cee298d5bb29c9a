"""What looks at each region: RoIAlign and two dense layers, to a score of each class and a box."""

import math
from typing import Any

import keras
import tensorflow as tf

from ..pyramid import PRIOR
from .proposals import is_region
from .roi_align import BINS, region_count

ABSENT = -50.0
"""Logit of what stands for no region."""


class RegionHead(keras.layers.Layer):
    """Two dense layers and what they are read by: the bins of regions to logits of classes and codes of one box.

    `units` is the width of the two layers. The box is the same for all classes. Outputs are float32.
    """

    def __init__(self, classes: int, units: int, **more: Any) -> None:
        super().__init__(**more)
        options = {"activation": "relu", "kernel_initializer": "he_normal", "dtype": self.dtype_policy}
        self.hidden = [keras.layers.Dense(units, name=f"hidden{index}", **options) for index in range(2)]
        self.last = keras.layers.Dense(
            classes,
            kernel_initializer=_normal(0.01),
            bias_initializer=keras.initializers.Constant(-math.log((1 - PRIOR) / PRIOR)),
            name="last",
            dtype="float32",
        )
        self.boxes = keras.layers.Dense(4, kernel_initializer=_normal(0.001), name="boxes", dtype="float32")

    def build(self, input_shape: tuple) -> None:
        """Make the weights for bins of so many channels."""
        width = BINS * BINS * input_shape[-1]
        for layer in self.hidden:
            layer.build((None, width))
            width = layer.units
        for layer in (self.last, self.boxes):
            layer.build((None, width))

    def call(self, bins: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Compute logits [B, R, C] and codes [B, R, 4] of bins [B, R, BINS, BINS, channels]."""
        count, width = region_count(bins), BINS * BINS * bins.shape[-1]
        # All regions of a batch in a row are what a dense layer is quickest with.
        rows = keras.ops.reshape(bins, (-1, width))
        for layer in self.hidden:
            rows = layer(rows)
        logits, codes = self.last(rows), self.boxes(rows)
        return keras.ops.reshape(logits, (-1, count, logits.shape[-1])), keras.ops.reshape(codes, (-1, count, 4))


def without_absent(regions: tf.Tensor, logits: tf.Tensor, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Let what stands for no region be of no class and stay where it is, far outside."""
    there = is_region(regions)[..., None]
    return tf.where(there, logits, ABSENT), tf.where(there, codes, 0.0)


def _normal(deviation: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=deviation)
