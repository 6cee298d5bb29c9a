"""Dropout of several devices together: of each batch what one device would leave out."""

import functools

import keras
import tensorflow as tf

from ....losses.replicas import replica_context


def share_dropout(layer: keras.layers.Dropout | keras.layers.SpatialDropout2D) -> None:
    """Let a layer draw for the whole batch on each device, which by itself would leave out the same on all of them."""
    plain = functools.partial(type(layer).call, layer)

    def call(inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        context = replica_context()
        if context is None or not training or not layer.rate:
            return plain(inputs, training=training)
        own = tf.shape(inputs)[0]
        count = inputs.shape[0] or own
        whole = tf.ones([context.num_replicas_in_sync * count, *inputs.shape[1:]], inputs.dtype)
        begin = context.replica_id_in_sync_group * own
        return inputs * plain(whole, training=True)[begin : begin + own]

    layer.call = call
