"""What is wrong with an argument, said at the door in one voice. Only static facts are looked at, never values."""

import tensorflow as tf

from .label_maps import LabelMaps
from .pixels import Pixels

EMPTY_TARGETS = ("paper", "suppress")
METHODS = ("exact", "binned")
_FLOATS = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


def check_beta2(beta2):
    """Raise ValueError unless `beta2` is a positive, finite number."""
    _check_positive("beta2", beta2)


def check_empty_target(empty_target):
    """Raise ValueError unless `empty_target` is one of the policies."""
    if empty_target not in EMPTY_TARGETS:
        raise ValueError(f"empty_target must be one of {', '.join(EMPTY_TARGETS)}, got {empty_target!r}")


def check_pixels(y_true, y_pred, *, ignore_label=None, sample_weight=None):
    """Check the arguments of a pixel loss and bring them to one shape and dtype.

    Args:
        y_true: bool, integer or float [B, H, W] or [B, H, W, 1].
        y_pred: float [B, H, W] or [B, H, W, 1]. Half precision is computed in float32.
        ignore_label: the value of `y_true` whose pixels are left out, or None.
        sample_weight: pixel weights, 0 or more, [B, H, W] or [B, H, W, 1], or None.

    Returns:
        `Pixels` in float32, or in float64 where `y_pred` is float64. What is left out (ignored, or of weight 0) is
        replaced by 0 and passes no gradient on, whatever it held.

    Raises:
        ValueError: a shape is not one of these, or differs from `y_pred`'s.
        TypeError: `y_pred` is not floating, or `y_true` is neither bool nor a real number.
    """
    y_true, y_pred, dtype = _labels_and_predictions(y_true, y_pred)
    prediction = tf.cast(_image_shape("y_pred", y_pred), dtype)
    labels = _like(prediction, "y_true", y_true)
    counted = None if ignore_label is None else _not_ignored(labels, ignore_label)
    labels = tf.cast(labels, dtype)
    weight = None if counted is None else tf.cast(counted, dtype)
    if sample_weight is not None:
        sample_weight = tf.cast(_like(prediction, "sample_weight", tf.convert_to_tensor(sample_weight)), dtype)
        weight = sample_weight if counted is None else tf.where(counted, sample_weight, 0)
        counted = weight > 0
    if counted is not None:
        labels, prediction = tf.where(counted, labels, 0), tf.where(counted, prediction, 0)
    return Pixels(labels, prediction, weight)


def check_label_maps(y_true, y_pred, *, per_image, ignore_label=None):
    """Check the arguments of a loss of label maps and lay each picture, or the whole batch, out as a list of pixels.

    Args:
        y_true: bool, integer or float. [B, H, W] or [B, H, W, 1]: numbers of classes, or 1 foreground where C = 1.
            [B, H, W, C]: 1 foreground.
        y_pred: float [B, H, W, C], or [B, H, W] for C = 1. Half precision is computed in float32.
        per_image: whether a group is one picture, or the whole batch.
        ignore_label: the value of `y_true` that is left out, or None.

    Returns:
        `LabelMaps` in float32, or in float64 where `y_pred` is float64.

    Raises:
        ValueError: a shape is not one of these, or differs from `y_pred`'s.
        TypeError: `y_pred` is not floating, or `y_true` is neither bool nor a real number.
    """
    y_true, y_pred, dtype = _labels_and_predictions(y_true, y_pred)
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
    counted = None if ignore_label is None else _not_ignored(labels, ignore_label)
    labels = labels if labels.dtype in _FLOATS else tf.cast(labels, tf.int32)
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


def check_classes(classes, count=None):
    """Raise ValueError unless `classes` is "present", "all" or several numbers of classes, below `count` if given."""
    if classes in ("present", "all"):
        return
    known = float("inf") if count is None else count
    if (
        isinstance(classes, (list, tuple))
        and classes
        and all(_is_whole(number) and number < known for number in classes)
    ):
        return
    below = "" if count is None else f" below {count}"
    raise ValueError(f"classes must be present, all or a list of class numbers{below}, got {classes!r}")


def check_class_weights(class_weights, count=None):
    """Raise ValueError unless `class_weights` is None or finite numbers of at least 0, `count` of them if given."""
    if class_weights is None:
        return
    if isinstance(class_weights, str) or not all(0 <= weight < float("inf") for weight in class_weights):
        raise ValueError(f"class_weights must be numbers of at least 0, got {class_weights!r}")
    if count is not None and len(class_weights) != count:
        raise ValueError(f"class_weights must hold {count} numbers, one for each class, got {len(class_weights)}")


def check_method(method):
    """Raise ValueError unless `method` is one of the ways to order errors."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")


def check_bins(bins):
    """Raise ValueError unless `bins` is a whole number above 0."""
    if not _is_whole(bins) or bins < 1:
        raise ValueError(f"bins must be a whole number above 0, got {bins!r}")


def _is_whole(number):
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _labels_and_predictions(y_true, y_pred):
    """Return both as tensors, and the dtype to compute in."""
    y_true, y_pred = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
    _check_floating("y_pred", y_pred)
    if not (y_true.dtype.is_bool or y_true.dtype.is_integer or y_true.dtype in _FLOATS):
        raise TypeError(f"y_true must be bool, integer or float, got {y_true.dtype.name}")
    return y_true, y_pred, tf.float64 if y_pred.dtype == tf.float64 else tf.float32


def _image_shape(name, tensor):
    """Return `tensor` as [B, H, W]."""
    rank = tensor.shape.rank
    if rank == 3:
        return tensor
    if rank == 4 and tensor.shape[-1] == 1:
        return tf.squeeze(tensor, axis=-1)
    also = " or [B, H, W, 1]" if rank == 4 else ""
    raise ValueError(f"{name} must have shape [B, H, W]{also}, got {shape_text(tensor.shape)}")


def _like(prediction, name, tensor):
    """Return `tensor` as [B, H, W] of the same sizes as `prediction`."""
    images = _image_shape(name, tensor)
    if not images.shape.is_compatible_with(prediction.shape):
        expected = shape_text(prediction.shape)
        raise ValueError(f"{name} must have y_pred's shape {expected}, got {shape_text(images.shape)}")
    return images


def _not_ignored(labels, ignore_label):
    """Tell for each pixel whether its label differs from `ignore_label`; None where the dtype cannot hold another."""
    if labels.dtype.is_bool:
        return None
    if labels.dtype.is_integer and not labels.dtype.min <= ignore_label <= labels.dtype.max:
        raise ValueError(f"ignore_label must be a {labels.dtype.name} as y_true is, got {ignore_label!r}")
    return tf.not_equal(labels, tf.cast(ignore_label, labels.dtype))


def shape_text(shape):
    """Write a static shape as (8, 64, 64), with None where a size is unknown."""
    return "an unknown rank" if shape.rank is None else str(tuple(shape.as_list()))


def check_delta(delta):
    """Raise ValueError unless `delta` is a positive, finite number."""
    _check_positive("delta", delta)


def check_beta(beta):
    """Raise ValueError unless `beta` is a positive, finite number."""
    _check_positive("beta", beta)


def check_tau(tau):
    """Raise ValueError unless `tau` is a number in [0, 1)."""
    if isinstance(tau, str) or not 0 <= tau < 1:
        raise ValueError(f"tau must be a number of at least 0 and below 1, got {tau!r}")


def check_negatives_per_positive(negatives_per_positive):
    """Raise ValueError unless `negatives_per_positive` is a finite number of at least 0."""
    if isinstance(negatives_per_positive, str) or not 0 <= negatives_per_positive < float("inf"):
        raise ValueError(f"negatives_per_positive must be a number of at least 0, got {negatives_per_positive!r}")


def check_max_positives(max_positives):
    """Raise ValueError unless `max_positives` is a whole number above 0, or None."""
    if max_positives is None:
        return
    if isinstance(max_positives, bool) or not isinstance(max_positives, int) or max_positives < 1:
        raise ValueError(f"max_positives must be a whole number above 0, got {max_positives!r}")


def check_boxes(boxes, other, names=("boxes", "other")):
    """Check two tensors of boxes and bring them to one dtype.

    Args:
        boxes: float [..., 4]. Half precision is computed in float32.
        other: float [..., 4], of the same shape.
        names: what the two are called.

    Returns:
        Both in float32, or in float64 where one of them is float64.

    Raises:
        ValueError: a shape is not one of these, or the two differ.
        TypeError: one of them is not floating.
    """
    boxes, other = tf.convert_to_tensor(boxes), tf.convert_to_tensor(other)
    for name, tensor in zip(names, (boxes, other)):
        _check_floating(name, tensor)
        if tensor.shape.rank == 0 or (tensor.shape.rank is not None and tensor.shape[-1] not in (4, None)):
            raise ValueError(f"{name} must have shape [..., 4], got {shape_text(tensor.shape)}")
    if not boxes.shape.is_compatible_with(other.shape):
        expected = shape_text(boxes.shape)
        raise ValueError(f"{names[1]} must have the shape of {names[0]}, {expected}, got {shape_text(other.shape)}")
    dtype = tf.float64 if tf.float64 in (boxes.dtype, other.dtype) else tf.float32
    return tf.cast(boxes, dtype), tf.cast(other, dtype)


def check_anchors(labels, scores):
    """Check the arguments of a batch-wide loss and lay them out as one list of entries.

    Args:
        labels: bool, integer or float of any shape: 1 positive, 0 negative, anything else (-1) ignored.
        scores: float logits of the same shape.

    Returns:
        is_positive and is_negative, bool [N], and the scores, float32 [N].

    Raises:
        ValueError: the shapes differ.
        TypeError: `scores` is not floating, or `labels` is neither bool nor a real number.
    """
    labels, scores = tf.convert_to_tensor(labels), tf.convert_to_tensor(scores)
    _check_floating("scores", scores)
    if labels.dtype.is_bool:
        labels = tf.cast(labels, tf.int8)
    if not (labels.dtype.is_integer or labels.dtype in _FLOATS):
        raise TypeError(f"labels must be bool, integer or float, got {labels.dtype.name}")
    if not labels.shape.is_compatible_with(scores.shape):
        expected = shape_text(scores.shape)
        raise ValueError(f"labels must have the shape of scores, {expected}, got {shape_text(labels.shape)}")
    labels = tf.reshape(labels, [-1])
    return tf.equal(labels, 1), tf.equal(labels, 0), tf.cast(tf.reshape(scores, [-1]), tf.float32)


def check_localization(name, localization, scores):
    """Check what a loss is told of each box, and say how many entries share one.

    Args:
        name: what it is called.
        localization: float of the shape of `scores`, or with 1 in place of its last axis: one box for all classes.
        scores: the scores, [..., C].

    Returns:
        The values as float32 [number of boxes], and the number of entries of each box: 1 or C, an int or a scalar.

    Raises:
        ValueError: the shape is not one of these.
        TypeError: the dtype is not floating.
    """
    localization, scores = tf.convert_to_tensor(localization), tf.convert_to_tensor(scores)
    _check_floating(name, localization)
    same = localization.shape.is_compatible_with(scores.shape)
    shared = (
        scores.shape.rank is not None
        and localization.shape.rank == scores.shape.rank > 0
        and localization.shape[-1] == 1
        and localization.shape[:-1].is_compatible_with(scores.shape[:-1])
    )
    if not (same or shared):
        expected, found = shape_text(scores.shape), shape_text(localization.shape)
        raise ValueError(f"{name} must have the shape of scores, {expected}, or 1 as its last axis, got {found}")
    classes = 1
    if shared:
        classes = scores.shape[-1] if scores.shape[-1] is not None else tf.shape(scores)[-1]
    return tf.cast(tf.reshape(localization, [-1]), tf.float32), classes


def _check_positive(name, value):
    if isinstance(value, str) or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a number above 0, got {value!r}")


def _check_floating(name, tensor):
    if tensor.dtype not in _FLOATS:
        raise TypeError(f"{name} must be float16, bfloat16, float32 or float64, got {tensor.dtype.name}")
