"""Batch normalisation in one kernel."""

import functools

import keras
import tensorflow as tf

_DTYPES = (tf.float32, tf.float16, tf.bfloat16)


def fuse(layer: keras.layers.BatchNormalization) -> None:
    """Let a layer normalise training batches by TensorFlow's fused kernel where that takes them, for speed on CPUs."""
    plain = functools.partial(type(layer).call, layer)

    def call(inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        if not (training and layer.trainable and mask is None and _fits(layer, inputs)):
            return plain(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            scale=tf.convert_to_tensor(layer.gamma) if layer.scale else tf.ones(channels),
            offset=tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros(channels),
            epsilon=layer.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        variance = variance * (count - 1) / count  # the kernel gives the unbiased one, Keras keeps the plain one
        for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            moving.assign(moving * layer.momentum + value * (1 - layer.momentum))
        return outputs

    layer.call = call


def _fits(layer: keras.layers.BatchNormalization, inputs: tf.Tensor) -> bool:
    return (
        isinstance(inputs, tf.Tensor)
        and inputs.shape.rank == 4
        and inputs.dtype in _DTYPES
        and layer.axis in (-1, 3)
        and not (layer.synchronized or getattr(layer, "renorm", False))
    )
