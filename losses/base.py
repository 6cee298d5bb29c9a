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


class LabelMapLoss(PixelLoss):
    """A Keras loss over a function of (y_true, y_pred) that looks at the pixels of a picture or of the batch together.

    A subclass names its `function`, which gives a scalar, or one value per picture where the hyperparameter `per_image`
    is set. Then `sample_weight` may hold a weight per picture, [B] or [B, 1]. There are no pixel weights: mark pixels
    to leave out by `ignore_label`, and weigh classes by `class_weights`. Else as `PixelLoss`.
    """

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Compute the reduced loss.

        Args:
            y_true: labels, [B, H, W], [B, H, W, 1] or [B, H, W, C].
            y_pred: predictions, [B, H, W, C] or [B, H, W].
            sample_weight: weights per picture where each has a loss of its own, or None.

        Returns:
            A scalar, or [B] where each picture has a loss of its own and the reduction is "none" or None.

        Raises:
            ValueError: `sample_weight` is given and is nothing of that, or the function refuses an argument.
        """
        if sample_weight is not None:
            if not self.hyperparameters["per_image"]:
                raise ValueError(
                    f"loss {self.name} takes the batch as one picture, and no sample_weight: set per_image"
                )
            if _image_or_pixel_weight(sample_weight)[1] is not None:
                raise ValueError(f"loss {self.name} takes no pixel weights: mark pixels to leave out by ignore_label")
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        """Compute the loss of the batch, or of each picture."""
        return type(self).function(y_true, y_pred, **self.hyperparameters)


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


class AnchorLoss(keras.losses.Loss):
    """A Keras loss over a function of (labels, scores) that looks at all entries of a batch together: one scalar.

    A subclass names its `function`. Labels are 1 positive, 0 negative, −1 ignored, of the shape of the scores, which
    are raw logits of any shape. Every reduction of Keras leaves a scalar as it is. There are no sample weights: mark
    entries to leave out by −1. Half precision is computed in float32. A Keras mask on the predictions is not looked at.

    Attributes:
        needs: what the function is told of each box besides, the key of `y_true`: None, "localization_error" or
            "localization_quality".

    Args:
        name: the loss' name.
        reduction: as in `keras.losses.Loss`.
        **hyperparameters: keyword arguments of the function, kept in the config.
    """

    function: ClassVar = None
    needs: ClassVar[str | None] = None

    def __init__(self, *, name, reduction, **hyperparameters):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.hyperparameters = hyperparameters

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Compute the loss of a batch.

        Args:
            y_true: labels of the shape of `y_pred`, or a dict of `labels` and what the loss `needs`.
            y_pred: logits.
            sample_weight: must be None.

        Returns:
            A scalar.

        Raises:
            ValueError: `sample_weight` is given, or `y_true` lacks what the loss needs, or the function refuses an
                argument.
        """
        if sample_weight is not None:
            raise ValueError(
                f"loss {self.name} ranks the batch as a whole and takes no sample_weight: label entries -1"
            )
        return super().__call__(y_true, _without_mask(y_pred))

    def call(self, y_true, y_pred):
        """Compute the loss: the sum of its parts."""
        labels, localization = y_true, None
        if isinstance(y_true, dict):
            labels, localization = y_true.get("labels"), y_true.get(self.needs)
        if labels is None:
            raise ValueError(f"y_true of loss {self.name} must be labels, or a dict that holds them as 'labels'")
        classification, localization = self.parts(labels, y_pred, localization)
        return classification if localization is None else classification + localization

    def parts(self, labels, scores, localization=None, *, one_hot=False):
        """Compute the part that trains classes and the part that trains boxes, each a scalar.

        Args:
            labels: 1, 0 and −1, of the shape of `scores`.
            scores: logits.
            localization: what the loss `needs`, of the shape of `scores` or with 1 as its last axis.
            one_hot: whether at most one entry of each row of the last axis is positive, which spares a ranking loss
                memory under XLA.

        Returns:
            The classification part, and the localisation part or None where the loss has no such part.

        Raises:
            ValueError: what the loss needs is missing, or the function refuses an argument.
        """
        arguments = {
            **self.hyperparameters,
            **({"one_hot": one_hot} if "max_positives" in self.hyperparameters else {}),
        }
        if self.needs is None:
            return type(self).function(labels, scores, **arguments), None
        if localization is None:
            raise ValueError(
                f"loss {self.name} needs the {self.needs} of each box: give y_true as a dict with that key"
            )
        return self.join(*type(self).function(labels, scores, localization, **arguments))

    def join(self, classification, localization):
        """Sort what the function gave into the classification part and the localisation part."""
        return classification, localization

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), **self.hyperparameters}
