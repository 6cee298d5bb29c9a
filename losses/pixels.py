"""The pixels of a batch of images, and sums over them."""

from typing import NamedTuple

import tensorflow as tf


class Pixels(NamedTuple):
    """Labels, predictions and weights of a batch of images, ready to be summed over the pixels.

    Attributes:
        labels: float tensor [B, H, W] in [0, 1], 0 where a pixel is left out.
        prediction: float tensor [B, H, W], 0 where a pixel is left out.
        weight: float tensor [B, H, W], 0 where a pixel is left out, or None where every pixel counts 1.
    """

    labels: tf.Tensor
    prediction: tf.Tensor
    weight: tf.Tensor | None

    def weigh(self, values):
        """Multiply `values`, which broadcast to [B, H, W], by the weight of each pixel."""
        return values if self.weight is None else values * self.weight

    def total(self):
        """Return the summed weight of each image, [B]."""
        if self.weight is not None:
            return sum_pixels(self.weight)
        batch, height, width = tf.unstack(tf.shape(self.labels))
        return tf.fill([batch], tf.cast(height * width, self.labels.dtype))


def sum_pixels(values):
    """Sum [B, H, W] over the pixels of each image, giving [B]."""
    return tf.reduce_sum(values, axis=(1, 2))


def sum_products(left, right):
    """Sum left · right, neither of them negative, over the pixels of each image, giving [B]."""
    # the absolute value keeps XLA from rewriting the sum as a matrix product, which is slower
    return sum_pixels(tf.abs(left * right))


def per_image(values):
    """Give [B] the shape [B, 1, 1], to stand beside pixels."""
    return values[:, tf.newaxis, tf.newaxis]
