"""The atrous spatial pyramid pooling of the DeepLab, for every precision and for XLA."""

import keras
import keras_cv


@keras.saving.register_keras_serializable(package="metricfit")
class PyramidPooling(keras_cv.layers.SpatialPyramidPooling):
    """KerasCV's pyramid pooling with its image-level branch, a single pixel, added to zeros instead of resized.

    The numbers are the same. XLA's gradient of a resize knows float32 only, and would refuse mixed precision.
    """

    def call(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Pool [B, H, W, C] into [B, H, W, num_channels]."""
        *local, pooled = (branch(inputs, training=training) for branch in self.aspp_parallel_channels)
        everywhere = pooled + keras.ops.zeros_like(local[0])
        return self.projection(keras.ops.concatenate([*local, everywhere], axis=-1), training=training)
