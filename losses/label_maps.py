"""Label maps of a batch of pictures: for every class its foreground, its prediction, and what counts."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from .checks import FLOATS, check_dtypes, check_per_class, not_ignored, shape_text
from .ranges import first_pictures, read_bytes, refuse_masks, refuse_numbers, refuse_outside, refuse_scores
from .tensors import Dtype, Tensor, ValueAndGradient, is_whole

_ALMOST = 1e-2  # by how much the shares of the classes at a pixel may miss 1: half precision does


class LabelMaps(NamedTuple):
    """Targets and predictions of G groups of n pixels: a group is one picture, or the whole batch."""

    foreground: Tensor  # bool [G, n, C], whether a pixel is of a class; False where it is left out
    prediction: Tensor  # float [G, n, C], whatever was given where a pixel is left out
    counted: (
        Tensor | None
    )  # bool [G, n, 1] or [G, n, C], False where a pixel is left out; None where every pixel counts
    sound: Tensor  # a scalar by which the loss is multiplied: 1, or NaN where a value is refused
    exclusive: bool  # whether each pixel is of one class: its predictions belong together, as by a softmax
    shares: Tensor | None = None  # float [G, n, C], how much a pixel is of a class; None where 0 and 1 alone

    def labels(self) -> Tensor:
        """Give how much each pixel is of each class, float [G, n, C], 0 where it is left out."""
        return tf.cast(self.foreground, self.prediction.dtype) if self.shares is None else self.shares

    def only_counted(self, values: Tensor, otherwise: float = 0) -> Tensor:
        """Put `otherwise` where [G, n, C] is left out."""
        return values if self.counted is None else tf.where(self.counted, values, otherwise)

    def probability(self) -> Tensor:
        """Take the softmax where a pixel is of one class, else the sigmoid; 0, without a gradient, where left out."""

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


def class_probability(maps: LabelMaps, from_logits: bool, exclusive: bool | None) -> Tensor:
    """Give the probability of each class, 0 where left out; warns where an axis of classes may be meant otherwise.

    `exclusive` is as it was given, of which None is False where the targets have an axis of classes.
    """
    if not from_logits:
        return maps.only_counted(maps.prediction)
    if exclusive is None and not maps.exclusive and maps.prediction.shape[-1] > 1:
        warnings.warn(
            "y_true with an axis of classes is read as several labels a pixel, and the sigmoid is taken of y_pred: for "
            "the softmax set exclusive=True, or give class numbers [B, H, W], tf.argmax(y_true, -1) of one-hot labels; "
            "exclusive=False says that it is meant so",
            stacklevel=3,
        )
    return maps.probability()


class ClassShares:
    """What each of C classes has a share of the loss by: the hyperparameters `classes` and `class_weights`."""

    def __init__(self, count: int, classes: str | Sequence[int], class_weights: Sequence[float] | None) -> None:
        check_per_class(count, classes=classes, class_weights=class_weights)
        self.only_present = classes == "present"
        self._weights = [1.0] * count if class_weights is None else list(class_weights)
        if not isinstance(classes, str):
            self._weights = [weight if number in classes else 0.0 for number, weight in enumerate(self._weights)]

    def of(self, positives: Tensor, dtype: Dtype) -> Tensor:
        """Return the share of each class from its foreground pixels, [G, C] both; 0 where none counts."""
        shares = tf.broadcast_to(tf.constant(self._weights, dtype), tf.shape(positives))
        if self.only_present:
            shares = tf.where(positives > 0, shares, 0)
        return tf.math.divide_no_nan(shares, tf.reduce_sum(shares, axis=-1, keepdims=True))


def holds_numbers(y_true: Tensor, y_pred: Tensor) -> bool:
    """Tell by the shapes whether targets hold class numbers, not a label for each of the classes."""
    labels, maps = (tf.convert_to_tensor(tensor).shape for tensor in (y_true, y_pred))
    if labels.rank not in (3, 4) or maps.rank != 4:
        return False
    return (labels[-1] or 1 if labels.rank == 4 else 1) < (maps[-1] or 1)


def check_label_maps(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool,
    per_image: bool,
    ignore_label: float | None = None,
    soft: bool = False,
    exclusive: bool | None = None,
) -> LabelMaps:
    """Check the arguments of a loss of label maps and lay each picture, or the whole batch, out as a list of pixels.

    Where `soft`, an axis of classes, or the map of one class, may hold shares. Of an axis of classes `exclusive` says
    whether they are those of one class a pixel, which add up to 1. Numbers of classes are exclusive.
    """
    y_true, y_pred, dtype = check_dtypes(y_true, y_pred, ("y_true", "y_pred"))
    if y_pred.shape.rank == 3:
        y_pred = y_pred[..., tf.newaxis]
    if y_pred.shape.rank != 4 or not y_pred.shape[-1]:
        found = shape_text(y_pred.shape)
        raise ValueError(f"y_pred must have shape [B, H, W] or [B, H, W, C] with a known C, got {found}")
    classes, numbers = y_pred.shape[-1], holds_numbers(y_true, y_pred)
    if numbers and exclusive is False:
        raise ValueError("exclusive=False is for y_true with an axis of classes: class numbers exclude each other")
    if exclusive and classes == 1:
        raise ValueError(
            "y_pred must be of 2 or more classes where they exclude each other, got 1: take cross_entropy for a single "
            "class, or lovasz_softmax without exclusive=True"
        )
    exclusive = numbers or bool(exclusive)
    labels = y_true[..., tf.newaxis] if y_true.shape.rank == 3 else y_true
    fits = labels.shape.rank == 4 and labels.shape[:3].is_compatible_with(y_pred.shape[:3])
    if not fits or labels.shape[-1] not in (1, classes):
        expected, found = shape_text(y_pred.shape[:3]), shape_text(y_true.shape)
        raise ValueError(
            f"y_true must have shape {expected}, with {classes} or 1 as a last axis or without, got {found}"
        )
    labels = labels if numbers else read_bytes(labels, ignore_label)
    counted = not_ignored(labels, ignore_label)
    if counted is not None and exclusive and not numbers:
        # a pixel counts or not, since the classes of a softmax belong together
        counted = tf.reduce_all(counted, axis=-1, keepdims=True)
    holds_shares = soft and not numbers and not is_whole(labels)
    labels = labels if labels.dtype in FLOATS else tf.cast(labels, tf.int32)
    if counted is not None:
        labels = tf.where(counted, labels, -1)
    foreground = tf.equal(labels, tf.cast(tf.range(classes), labels.dtype) if numbers else tf.ones([], labels.dtype))
    prediction = tf.cast(y_pred, dtype)
    sound = _refuse(labels, prediction, counted, numbers, soft, exclusive, from_logits)
    shares = None
    if holds_shares:
        shares = tf.cast(labels if counted is None else tf.where(counted, labels, 0), dtype)
    batch, height, width = (known or tf.shape(y_pred)[axis] for axis, known in enumerate(y_pred.shape.as_list()[:3]))
    groups, pixels = (batch, height * width) if per_image else (1, batch * height * width)
    foreground, prediction, counted, shares = (
        tensor if tensor is None else tf.reshape(tensor, [groups, pixels, tensor.shape[-1]])
        for tensor in (foreground, prediction, counted, shares)
    )
    return LabelMaps(foreground, prediction, counted, sound, exclusive, shares)


def _refuse(
    labels: Tensor,
    prediction: Tensor,
    counted: Tensor | None,
    numbers: bool,
    soft: bool,
    exclusive: bool,
    from_logits: bool,
) -> Tensor:
    """Refuse values of the first pictures, see `refuse_outside`; left out are those that do not count."""
    looked_at, dtype = first_pictures(labels), prediction.dtype
    if counted is not None:
        looked_at = tf.where(first_pictures(counted), looked_at, 0)
    if numbers:
        sound = refuse_numbers(looked_at, prediction.shape[-1], dtype)
    else:
        sound = refuse_masks(looked_at, dtype, soft=soft)
    if exclusive and not numbers:
        sums = tf.reduce_sum(tf.cast(looked_at, dtype), axis=-1, keepdims=True)
        if counted is not None:
            sums = tf.where(first_pictures(counted), sums, 1)
        sentence = (
            "y_true must add up to 1 over the classes of a pixel: name what marks pixels to leave out, in all of "
        )
        sound *= refuse_outside(sums, 1 - _ALMOST, 1 + _ALMOST, f"{sentence}them, as ignore_label", dtype=dtype)
    if from_logits:
        return sound
    predicted = first_pictures(prediction)
    if counted is not None:
        predicted = tf.where(counted[: tf.shape(predicted)[0]], predicted, 0)
    return sound * refuse_scores(predicted, dtype)
