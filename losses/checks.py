"""What is wrong with an argument, said at the door in one voice. Of values `ranges.py` tells."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from .ranges import ALMOST, refuse_outside
from .tensors import Dtype, Size, Tensor

_LOOKED_AT = 2**20  # labels of anchors, in a graph
FLOATS = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) and 0 <= value < float("inf")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_numbers(values: Any) -> bool:
    return not isinstance(values, str) and len(values) > 0 and all(_is_number(value) for value in values)


def _are_classes(classes: Any) -> bool:
    if isinstance(classes, (list, tuple)):
        return len(classes) > 0 and all(_is_whole(number) for number in classes)
    return classes in ("present", "all")


Rule: TypeAlias = tuple[Callable[[Any], bool], str]  # which values are allowed, and how they are called
_FROM_0: Rule = (_is_number, "a number of at least 0")
_ABOVE_0: Rule = (lambda value: _is_number(value) and value > 0, "a number above 0")
_BELOW_1: Rule = (lambda value: _is_number(value) and value < 1, "a number of at least 0 and below 1")
_SHARE: Rule = (lambda value: _is_number(value) and value <= 1, "a number from 0 to 1")
_BOOL: Rule = (lambda value: isinstance(value, bool), "True or False")
_BOOL_OR_NONE: Rule = (lambda value: value is None or isinstance(value, bool), "None, True or False")
_METRIC: Rule = (lambda value: value in ("min", "dot"), "one of min, dot")
_RULES: dict[str, Rule] = {
    "alpha": _FROM_0,
    "asymmetric": _BOOL,
    "beta": _ABOVE_0,
    "beta2": _ABOVE_0,
    "bins": (lambda value: _is_whole(value) and value > 0, "a whole number above 0"),
    "coefficient": (
        lambda value: value in ("concordance", "pearson", "spearman"),
        "one of concordance, pearson, spearman",
    ),
    "class_weights": (lambda value: value is None or _are_numbers(value), "numbers of at least 0"),
    "classes": (_are_classes, "present, all or a list of class numbers"),
    "delta": _ABOVE_0,
    "empty_target": (lambda value: value in ("paper", "suppress"), "one of paper, suppress"),
    "exclusive": _BOOL,
    "focal_tversky.gamma": _ABOVE_0,
    "focal_weight": _SHARE,
    "gamma": _FROM_0,
    "dice_semimetric.soft_labels": _METRIC,
    "jaccard_metric.soft_labels": _METRIC,
    "dice_semimetric_softmax.soft_labels": _METRIC,
    "jaccard_metric_softmax.soft_labels": _METRIC,
    "dice_semimetric_softmax.exclusive": _BOOL_OR_NONE,
    "jaccard_metric_softmax.exclusive": _BOOL_OR_NONE,
    "lovasz_softmax.exclusive": _BOOL_OR_NONE,
    "max_positives": (lambda value: value is None or (_is_whole(value) and value > 0), "a whole number above 0"),
    "method": (lambda value: value in ("exact", "binned"), "one of exact, binned"),
    "negatives_per_positive": _FROM_0,
    "regularization": _ABOVE_0,
    "soft_labels": (lambda value: value in ("dot", "min", "paper"), "one of dot, min, paper"),
    "scope": (lambda value: value in ("global", "replica"), "one of global, replica"),
    "share": (lambda value: _is_number(value) and 0 < value <= 1, "a number above 0, up to 1"),
    "tau": _BELOW_1,
    "unified_focal.delta": _SHARE,
    "unified_focal.gamma": _BELOW_1,
    "weights": (_are_numbers, "numbers of at least 0"),
}


def check_hyperparameters(loss: str = "", /, **values: Any) -> None:
    """Raise ValueError unless each value is allowed for the hyperparameter of its name; those without a rule are.

    A rule of the `loss` itself, written "loss.hyperparameter", goes before that of the name.
    """
    for name, value in values.items():
        rule = _RULES.get(f"{loss}.{name}", _RULES.get(name))
        if rule and not rule[0](value):
            raise ValueError(f"{name} must be {rule[1]}, got {value!r}")


def check_per_class(count: int, *, classes: Any = "all", class_weights: Any = None) -> None:
    """Raise ValueError unless the hyperparameters are allowed, and suit `count` classes."""
    if not _are_classes(classes) or not (isinstance(classes, str) or max(classes) < count):
        raise ValueError(f"classes must be {_RULES['classes'][1]} below {count}, got {classes!r}")
    check_hyperparameters(class_weights=class_weights)
    if class_weights is not None:
        check_count("class_weights", class_weights, count, "class")


def check_count(name: str, numbers: Sequence[float], count: int, each: str) -> None:
    """Raise ValueError unless there are `count` numbers."""
    if len(numbers) != count:
        raise ValueError(f"{name} must hold {count} numbers, one for each {each}, got {len(numbers)}")


def shape_text(shape: Any) -> str:
    """Write a static shape as (8, 64, 64), with None where a size is unknown."""
    return "an unknown rank" if shape.rank is None else str(tuple(shape.as_list()))


def check_floating(name: str, tensor: Tensor) -> None:
    """Raise TypeError unless the dtype is floating."""
    if tensor.dtype not in FLOATS:
        raise TypeError(f"{name} must be float16, bfloat16, float32 or float64, got {tensor.dtype.name}")


def check_same_shape(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Raise ValueError unless the shapes may be equal."""
    if not tensor.shape.is_compatible_with(other.shape):
        expected, found = shape_text(other.shape), shape_text(tensor.shape)
        raise ValueError(f"{name} must have the shape of {other_name}, {expected}, got {found}")


def check_dtypes(labels: Tensor, predictions: Tensor, names: tuple[str, str]) -> tuple[Tensor, Tensor, Dtype]:
    """Return both as tensors, and the dtype to compute in; TypeError where a dtype is refused."""
    labels, predictions = tf.convert_to_tensor(labels), tf.convert_to_tensor(predictions)
    check_floating(names[1], predictions)
    if not (labels.dtype.is_bool or labels.dtype.is_integer or labels.dtype in FLOATS):
        raise TypeError(f"{names[0]} must be bool, integer or float, got {labels.dtype.name}")
    return labels, predictions, tf.float64 if predictions.dtype == tf.float64 else tf.float32


def not_ignored(labels: Tensor, ignore_label: Any) -> Tensor | None:
    """Tell for each label whether it differs from `ignore_label`; None where that is None, or bool has no other."""
    if ignore_label is None or labels.dtype.is_bool:
        return None
    if labels.dtype.is_integer and not labels.dtype.min <= ignore_label <= labels.dtype.max:
        raise ValueError(f"ignore_label must be a {labels.dtype.name} as y_true is, got {ignore_label!r}")
    return tf.not_equal(labels, tf.cast(ignore_label, labels.dtype))


def check_anchors(labels: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return is_positive and is_negative, bool [N], and the scores, float32 [N], of arguments of any shape.

    The last is a scalar by which the loss is multiplied: 1, or NaN where a label is refused.
    """
    labels, scores, _ = check_dtypes(labels, scores, ("labels", "scores"))
    if labels.dtype.is_bool:
        labels = tf.cast(labels, tf.int8)
    check_same_shape("labels", labels, "scores", scores)
    labels = tf.reshape(labels, [-1])
    sentence = (
        "labels must be 1 positive, 0 negative, or negative and ignored: make class numbers one-hot, and divide "
        "labels of 0 and 255 by 255"
    )
    sound = refuse_outside(
        labels if tf.executing_eagerly() else labels[:_LOOKED_AT], labels.dtype.min, 1, sentence, whole=True
    )
    return tf.equal(labels, 1), tf.equal(labels, 0), tf.cast(tf.reshape(scores, [-1]), tf.float32), sound


def check_localization(name: str, localization: Tensor, scores: Tensor) -> tuple[Tensor, Size]:
    """Return what a loss is told of each box, float32 [boxes], and how many scores share one: 1 or the last axis."""
    localization, scores = tf.convert_to_tensor(localization), tf.convert_to_tensor(scores)
    check_floating(name, localization)
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


def check_quality(quality: Tensor, scores: Tensor, is_positive: Tensor) -> tuple[Tensor, Tensor]:
    """Return the IoU of each positive's box, and 0 elsewhere, float32 [N], as a target without a gradient.

    The second is what `refuse_quality` gives.
    """
    boxes, classes = check_localization("localization_quality", quality, scores)
    each = tf.reshape(tf.broadcast_to(boxes[:, tf.newaxis], [tf.size(boxes), classes]), [-1])
    each = tf.where(is_positive, tf.stop_gradient(each), 0)
    return each, refuse_quality(each if tf.executing_eagerly() else each[:_LOOKED_AT])


def refuse_quality(quality: Tensor) -> Tensor:
    """Give 1, or NaN where an IoU is not in [0, 1], by which the loss is multiplied; NaN is left to the loss."""
    sentence = (
        "localization_quality of positives must be the IoU of their boxes, 0 to 1: "
        "1 - IoU is an error, which alrp takes, and GIoU may be below 0"
    )
    return refuse_outside(tf.where(tf.math.is_nan(quality), 0.0, quality), -ALMOST, 1 + ALMOST, sentence)
