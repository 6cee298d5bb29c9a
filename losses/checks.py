"""What is wrong with an argument, said at the door in one voice. Only static facts are looked at, never values."""

import tensorflow as tf

from .pixels import Pixels

EMPTY_TARGETS = ("paper", "suppress")
_FLOATS = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


def check_beta2(beta2):
    """Raise ValueError unless `beta2` is a positive, finite number."""
    if isinstance(beta2, str) or not 0 < beta2 < float("inf"):
        raise ValueError(f"beta2 must be a number above 0, got {beta2!r}")


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
    y_true, y_pred = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
    if y_pred.dtype not in _FLOATS:
        raise TypeError(f"y_pred must be float16, bfloat16, float32 or float64, got {y_pred.dtype.name}")
    if not (y_true.dtype.is_bool or y_true.dtype.is_integer or y_true.dtype in _FLOATS):
        raise TypeError(f"y_true must be bool, integer or float, got {y_true.dtype.name}")
    dtype = tf.float64 if y_pred.dtype == tf.float64 else tf.float32
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
