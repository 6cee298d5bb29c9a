"""Batch normalisation in one kernel, and by the statistics of several devices together."""

import functools
from typing import Any

import keras
import tensorflow as tf

from ....losses.replicas import added_up, replica_context

_DTYPES = (tf.float32, tf.float16, tf.bfloat16)


def fuse(layer: keras.layers.BatchNormalization) -> None:
    """Let a layer normalise training batches by TensorFlow's fused kernel where that takes them, for speed on CPUs.

    One that is synchronised takes the statistics of all devices that take a step together. Keras would subtract the
    squared mean from the mean of squares, which leaves nothing right where pictures are much alike.
    """
    plain = functools.partial(type(layer).call, layer)

    def call(inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        context = replica_context()
        if context and training and layer.trainable and mask is None and _is_synchronised(layer, inputs):
            return _together(layer, inputs, context)
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
        _follow(layer, mean, variance)
        return outputs

    layer.call = call


def _together(layer: keras.layers.BatchNormalization, inputs: tf.Tensor, context: Any) -> tf.Tensor:
    """Normalise a part of a batch, as large on each device, by the mean and variance of the whole."""
    values = tf.cast(inputs, tf.float32)
    axes = list(range(inputs.shape.rank - 1))

    def mean_of(numbers: tf.Tensor) -> tf.Tensor:
        (total,) = added_up(context, [tf.reduce_mean(numbers, axis=axes)])
        return total / context.num_replicas_in_sync

    mean = mean_of(values)
    variance = mean_of(tf.square(values - mean))
    _follow(layer, mean, variance)
    outputs = (values - mean) * tf.math.rsqrt(variance + layer.epsilon)
    outputs *= tf.convert_to_tensor(layer.gamma) if layer.scale else 1.0
    outputs += tf.convert_to_tensor(layer.beta) if layer.center else 0.0
    return tf.cast(outputs, layer.compute_dtype)


def _follow(layer: keras.layers.BatchNormalization, mean: tf.Tensor, variance: tf.Tensor) -> None:
    for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + value * (1 - layer.momentum))


def _is_synchronised(layer: keras.layers.BatchNormalization, inputs: tf.Tensor) -> bool:
    return layer.synchronized and layer.axis in (-1, inputs.shape.rank - 1) and not getattr(layer, "renorm", False)


def _fits(layer: keras.layers.BatchNormalization, inputs: tf.Tensor) -> bool:
    return (
        isinstance(inputs, tf.Tensor)
        and inputs.shape.rank == 4
        and inputs.dtype in _DTYPES
        and layer.axis in (-1, 3)
        and not (layer.synchronized or getattr(layer, "renorm", False))
    )
