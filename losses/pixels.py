"""The pixels of a batch of images, and sums over them."""

from typing import NamedTuple

import tensorflow as tf

from .checks import check_dtypes, not_ignored, shape_text
from .ranges import first_pictures, read_bytes, refuse_masks, refuse_outside, refuse_scores
from .tensors import Tensor, in_xla, is_whole


class Pixels(NamedTuple):
    """Labels, predictions and weights of a batch of images, float [B, H, W], 0 where a pixel is left out."""

    labels: Tensor  # in [0, 1]
    prediction: Tensor
    weight: Tensor | None  # None where every pixel counts 1
    sound: Tensor  # a scalar by which the loss is multiplied: 1, or NaN where a value is refused
    whole: bool  # whether the labels are known to be whole numbers: 0 and 1 alone

    def hold_shares(self) -> bool | Tensor:
        """Tell whether any label lies between 0 and 1, as a scalar; a bool where that need not be looked at.

        For XLA it is True unless known otherwise: to look would cost more there than what it could save.
        """
        if self.whole or in_xla():
            return not self.whole
        return tf.reduce_any(tf.not_equal(self.labels, tf.cast(tf.cast(self.labels, tf.bool), self.labels.dtype)))

    def weigh(self, values: Tensor) -> Tensor:
        """Multiply `values`, which broadcast to [B, H, W], by the weight of each pixel."""
        return values if self.weight is None else values * self.weight

    def total(self) -> Tensor:
        """Return the summed weight of each image, [B]."""
        if self.weight is not None:
            return sum_pixels(self.weight)
        batch, height, width = tf.unstack(tf.shape(self.labels))
        return tf.fill([batch], tf.cast(height * width, self.labels.dtype))


def sum_pixels(values: Tensor) -> Tensor:
    """Sum [B, H, W] over the pixels of each image, giving [B]."""
    return tf.reduce_sum(values, axis=(1, 2))


def sum_products(left: Tensor, right: Tensor) -> Tensor:
    """Sum left · right, neither of them negative, over the pixels of each image, giving [B]."""
    products = left * right
    # the absolute value keeps XLA from rewriting the sum as a matrix product, which is slower
    return sum_pixels(tf.abs(products) if in_xla() else products)


def is_there(sums: Tensor) -> Tensor:
    """Tell which sums [B] are above 0, or NaN: that must not pass for nothing, whose loss is no NaN."""
    # not of `sums <= 0`, which the graph's optimizer turns into `sums > 0`, false for NaN
    return (sums > 0) | tf.math.is_nan(sums)


def per_image(values: Tensor) -> Tensor:
    """Give [B] the shape [B, 1, 1], to stand beside pixels."""
    return values[:, tf.newaxis, tf.newaxis]


def check_pixels(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool,
    ignore_label: float | None = None,
    sample_weight: Tensor | None = None,
) -> Pixels:
    """Check the arguments of a pixel loss, [B, H, W] or [B, H, W, 1], and bring them to one shape and dtype.

    The result is float32, or float64 where `y_pred` is. What is left out (ignored, or of weight 0) is replaced by 0 and
    passes no gradient on, whatever it held.
    """
    y_true, y_pred, dtype = check_dtypes(y_true, y_pred, ("y_true", "y_pred"))
    prediction = tf.cast(_images("y_pred", y_pred), dtype)
    labels = read_bytes(_images("y_true", y_true, prediction), ignore_label)
    counted = not_ignored(labels, ignore_label)
    whole = is_whole(labels)
    labels = tf.cast(labels, dtype)
    weight = None if counted is None else tf.cast(counted, dtype)
    if sample_weight is not None:
        sample_weight = tf.cast(_images("sample_weight", tf.convert_to_tensor(sample_weight), prediction), dtype)
        weight = sample_weight if counted is None else tf.where(counted, sample_weight, 0)
        counted = weight > 0
    if counted is not None:
        labels, prediction = tf.where(counted, labels, 0), tf.where(counted, prediction, 0)
    sound = refuse_masks(first_pictures(labels), dtype, soft=True)
    if sample_weight is not None:
        sentence = "sample_weight must hold numbers of at least 0"
        sound *= refuse_outside(first_pictures(sample_weight), 0, dtype.max, sentence, dtype=dtype)
    if not from_logits:
        sound *= refuse_scores(first_pictures(prediction), dtype)
    return Pixels(labels, prediction, weight, sound, whole)


def _images(name: str, tensor: Tensor, like: Tensor | None = None) -> Tensor:
    """Return `tensor` as [B, H, W], of the sizes of `like` where that is given."""
    rank = tensor.shape.rank
    if rank != 3 and not (rank == 4 and tensor.shape[-1] == 1):
        also = " or [B, H, W, 1]" if rank == 4 else ""
        raise ValueError(f"{name} must have shape [B, H, W]{also}, got {shape_text(tensor.shape)}")
    images = tensor if rank == 3 else tf.squeeze(tensor, axis=-1)
    if like is not None and not images.shape.is_compatible_with(like.shape):
        raise ValueError(f"{name} must have y_pred's shape {shape_text(like.shape)}, got {shape_text(images.shape)}")
    return images
