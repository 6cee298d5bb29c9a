"""Label maps of a batch of pictures: for every class its foreground, its prediction, and what counts."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class LabelMaps(NamedTuple):
    """Targets and predictions of G groups of n pixels: a group is one picture, or the whole batch.

    Attributes:
        foreground: bool tensor [G, n, C], whether a pixel is of a class; False where it is left out.
        prediction: float tensor [G, n, C], whatever was given where a pixel is left out.
        counted: bool tensor [G, n, 1] or [G, n, C], False where a pixel is left out, or None where every pixel counts.
        exclusive: whether each pixel is of one class: the predictions of a pixel belong together, as by a softmax.
    """

    foreground: tf.Tensor
    prediction: tf.Tensor
    counted: tf.Tensor | None
    exclusive: bool

    def only_counted(self, values, otherwise=0):
        """Put `otherwise` where [G, n, C] is left out."""
        return values if self.counted is None else tf.where(self.counted, values, otherwise)

    def probability(self):
        """Take the softmax of the predictions where a pixel is of one class, else the sigmoid; 0 where left out.

        What is left out passes no gradient on, whatever it held.
        """

        @tf.custom_gradient
        def function(logits):
            given = self.only_counted(tf.nn.softmax(logits) if self.exclusive else tf.sigmoid(logits))

            def gradient(upstream):
                flow = upstream * given
                if not self.exclusive:
                    return flow * (1 - given)
                return flow - given * tf.reduce_sum(flow, axis=-1, keepdims=True)

            return given, gradient

        return function(self.prediction)


def class_shares(positives, dtype, *, classes, class_weights):
    """Share the loss of a group out to its classes.

    Args:
        positives: int32 [G, C], the foreground pixels of each class.
        dtype: of the shares.
        classes: "present", "all", or the numbers of the classes that count.
        class_weights: C weights, or None where all classes weigh alike.

    Returns:
        float [G, C], the weights of the classes that count over their sum; 0 everywhere where none counts.
    """
    count = positives.shape[-1]
    weights = [1.0] * count if class_weights is None else class_weights
    if isinstance(classes, Sequence) and not isinstance(classes, str):
        weights = [weight if number in classes else 0.0 for number, weight in enumerate(weights)]
    shares = tf.broadcast_to(tf.constant(weights, dtype), tf.shape(positives))
    if classes == "present":
        shares = tf.where(positives > 0, shares, 0)
    return tf.math.divide_no_nan(shares, tf.reduce_sum(shares, axis=-1, keepdims=True))
