"""Label maps of a batch of pictures: for every class its foreground, its prediction, and what counts."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from .checks import FLOATS, check_labels_and_predictions, not_ignored, shape_text
from .tensors import Dtype, Tensor, ValueAndGradient


class LabelMaps(NamedTuple):
    """Targets and predictions of G groups of n pixels: a group is one picture, or the whole batch.

    Attributes:
        foreground: bool tensor [G, n, C], whether a pixel is of a class; False where it is left out.
        prediction: float tensor [G, n, C], whatever was given where a pixel is left out.
        counted: bool tensor [G, n, 1] or [G, n, C], False where a pixel is left out, or None where every pixel counts.
        exclusive: whether each pixel is of one class: the predictions of a pixel belong together, as by a softmax.
    """

    foreground: Tensor
    prediction: Tensor
    counted: Tensor | None
    exclusive: bool

    def only_counted(self, values: Tensor, otherwise: float = 0) -> Tensor:
        """Put `otherwise` where [G, n, C] is left out."""
        return values if self.counted is None else tf.where(self.counted, values, otherwise)

    def probability(self) -> Tensor:
        """Take the softmax of the predictions where a pixel is of one class, else the sigmoid; 0 where left out.

        What is left out passes no gradient on, whatever it held.
        """

        @tf.custom_gradient
        def function(logits: Tensor) -> ValueAndGradient:
            given = self.only_counted(tf.nn.softmax(logits) if self.exclusive else tf.sigmoid(logits))

            def gradient(upstream: Tensor) -> Tensor:
                flow = upstream * given
                if not self.exclusive:
                    return flow * (1 - given)
                return flow - given * tf.reduce_sum(flow, axis=-1, keepdims=True)

            return given, gradient

        return function(self.prediction)


def class_shares(
    positives: Tensor, dtype: Dtype, *, classes: str | Sequence[int], class_weights: Sequence[float] | None
) -> Tensor:
    """Share the loss of a group out to its classes, by their foreground pixels, int32 [G, C].

    Returns:
        float [G, C], the weights of the classes that count over their sum; 0 everywhere where none counts.
    """
    count = positives.shape[-1]
    weights = [1.0] * count if class_weights is None else list(class_weights)
    if isinstance(classes, Sequence) and not isinstance(classes, str):
        weights = [weight if number in classes else 0.0 for number, weight in enumerate(weights)]
    shares = tf.broadcast_to(tf.constant(weights, dtype), tf.shape(positives))
    if classes == "present":
        shares = tf.where(positives > 0, shares, 0)
    return tf.math.divide_no_nan(shares, tf.reduce_sum(shares, axis=-1, keepdims=True))


def check_label_maps(
    y_true: Tensor, y_pred: Tensor, *, per_image: bool, ignore_label: float | None = None
) -> LabelMaps:
    """Check the arguments of a loss of label maps and lay each picture, or the whole batch, out as a list of pixels.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]: numbers of classes, or 1 foreground where C = 1. [B, H, W, C]: 1 foreground.
        y_pred: [B, H, W, C], or [B, H, W] for C = 1.
        per_image: whether a group is one picture, or the whole batch.
        ignore_label: the value of `y_true` that is left out, or None.
    """
    y_true, y_pred, dtype = check_labels_and_predictions(y_true, y_pred)
    if y_pred.shape.rank == 3:
        y_pred = y_pred[..., tf.newaxis]
    if y_pred.shape.rank != 4 or not y_pred.shape[-1]:
        found = shape_text(y_pred.shape)
        raise ValueError(f"y_pred must have shape [B, H, W] or [B, H, W, C] with a known C, got {found}")
    classes = y_pred.shape[-1]
    labels = y_true[..., tf.newaxis] if y_true.shape.rank == 3 else y_true
    fits = labels.shape.rank == 4 and labels.shape[:3].is_compatible_with(y_pred.shape[:3])
    if not fits or labels.shape[-1] not in (1, classes):
        expected, found = shape_text(y_pred.shape[:3]), shape_text(y_true.shape)
        raise ValueError(
            f"y_true must have shape {expected}, with {classes} or 1 as a last axis or without, got {found}"
        )
    exclusive = labels.shape[-1] < classes
    counted = not_ignored(labels, ignore_label)
    labels = labels if labels.dtype in FLOATS else tf.cast(labels, tf.int32)
    if counted is not None:
        labels = tf.where(counted, labels, -1)
    foreground = tf.equal(labels, tf.cast(tf.range(classes), labels.dtype) if exclusive else tf.ones([], labels.dtype))
    prediction = tf.cast(y_pred, dtype)
    batch, height, width = (known or tf.shape(y_pred)[axis] for axis, known in enumerate(y_pred.shape.as_list()[:3]))
    groups, pixels = (batch, height * width) if per_image else (1, batch * height * width)
    foreground, prediction, counted = (
        tensor if tensor is None else tf.reshape(tensor, [groups, pixels, tensor.shape[-1]])
        for tensor in (foreground, prediction, counted)
    )
    return LabelMaps(foreground, prediction, counted, exclusive)
