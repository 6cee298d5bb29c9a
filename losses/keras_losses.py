"""The adapter between pixel losses, which are pure functions, and Keras."""

from typing import ClassVar

import keras
import tensorflow as tf

from .checks import shape_text


class PixelLoss(keras.losses.Loss):
    """A Keras loss over a function of (y_true, y_pred) that gives one value per image.

    A subclass names its `function`. `sample_weight` may hold a weight per image, [B] or [B, 1], which multiplies that
    image's loss, or a weight per pixel, [B, H, W] or [B, H, W, 1], which the function takes into its sums: the images
    then count alike. Every reduction of Keras is over the images. Predictions in half precision are computed in
    float32. A Keras mask on the predictions is not looked at: mark pixels to leave out by `ignore_label`.

    Args:
        name: the loss' name.
        reduction: as in `keras.losses.Loss`.
        **hyperparameters: keyword arguments of the function, kept in the config.
    """

    function: ClassVar = None

    def __init__(self, *, name, reduction, **hyperparameters):
        dtype = "float64" if keras.config.floatx() == "float64" else "float32"
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.hyperparameters = hyperparameters

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Compute the reduced loss.

        Args:
            y_true: labels, [B, H, W] or [B, H, W, 1].
            y_pred: predictions, of the same shape.
            sample_weight: weights per image or per pixel, or None.

        Returns:
            A scalar, or [B] with the reduction "none" or None.

        Raises:
            ValueError: `sample_weight` has another shape, or the function refuses an argument.
        """
        image_weight, pixel_weight = _image_or_pixel_weight(sample_weight)
        # Keras' reduction takes weights per value: pixel weights travel beside the labels, into the sums
        labels = y_true if pixel_weight is None else {"labels": y_true, "pixel_weight": pixel_weight}
        return super().__call__(labels, _without_mask(y_pred), sample_weight=image_weight)

    def call(self, y_true, y_pred):
        """Compute the loss of each image, [B]; `y_true` may be a dict of `labels` and `pixel_weight`."""
        labels, pixel_weight = y_true, None
        if isinstance(y_true, dict):
            labels, pixel_weight = y_true["labels"], y_true["pixel_weight"]
        return type(self).function(labels, y_pred, sample_weight=pixel_weight, **self.hyperparameters)

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), **self.hyperparameters}


def _image_or_pixel_weight(sample_weight):
    """Return (weights per image, None) or (None, weights per pixel)."""
    if sample_weight is None:
        return None, None
    weight = tf.convert_to_tensor(sample_weight)
    if weight.shape.rank in (0, 1) or (weight.shape.rank == 2 and weight.shape[1] == 1):
        return weight if weight.shape.rank < 2 else tf.squeeze(weight, axis=1), None
    if weight.shape.rank in (3, 4):
        return None, weight
    raise ValueError(f"sample_weight must have shape [B] or [B, H, W], got {shape_text(weight.shape)}")


def _without_mask(y_pred):
    """Return the predictions as a tensor of its own, without the mask that a Keras layer may have hung on them."""
    return tf.identity(y_pred)
