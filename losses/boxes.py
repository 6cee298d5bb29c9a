"""How far a predicted box is from its target: aligned IoU and GIoU, the error that aLRP makes of them, and smooth L1.

Boxes are (x0, y0, x1, y1) with x1 and y1 exclusive. Aligned means box against box of the same place, never N x N.
"""

import tensorflow as tf

from .checks import check_floating, check_hyperparameters, check_same_shape, shape_text
from .tensors import Tensor


def aligned_iou(boxes: Tensor, other: Tensor) -> Tensor:
    """Compute the intersection over union of boxes with the boxes at the same places.

    Gradient: exact away from ties, to both.

    Args:
        boxes: float [..., 4], (x0, y0, x1, y1) in any unit. Half precision is computed in float32.
        other: float [..., 4], of the same shape. An inverted box counts as an empty one.

    Returns:
        The IoU of each pair, [...] in [0, 1], float32 (float64 for float64 boxes); 0 where both are empty.

    Raises:
        ValueError, TypeError: a shape or a dtype is not one of these, or the shapes differ.
    """
    intersection, union, _ = _areas(*_check_boxes(boxes, other))
    return tf.math.divide_no_nan(intersection, union)


def aligned_giou(boxes: Tensor, other: Tensor) -> Tensor:
    """Compute the generalised IoU (Rezatofighi et al., CVPR 2019) of boxes with the boxes at the same places.

    GIoU = IoU − (hull − union)/hull, with the smallest box around both as hull: boxes that do not touch get a gradient.

    Gradient: exact away from ties, to both.

    Args:
        boxes: float [..., 4]; this and `other` as in `aligned_iou`.

    Returns:
        The GIoU of each pair, [...] in [−1, 1], as `aligned_iou`; 0 where the hull is empty.

    Raises:
        ValueError, TypeError: as `aligned_iou`.
    """
    intersection, union, hull = _areas(*_check_boxes(boxes, other))
    return tf.math.divide_no_nan(intersection, union) - tf.math.divide_no_nan(hull - union, hull)


def iou_error(iou: Tensor, tau: float = 0.5, clip_error: bool = False) -> Tensor:
    """Turn IoU into the localisation error of aLRP, (1 − IoU)/(1 − τ) (Oksuz et al., NeurIPS 2020, section 2.2).

    Gradient: exact; 0 where the error is clipped.

    Args:
        iou: float tensor of any shape, in [0, 1].
        tau: the IoU at which a box counts as found, at least 0 and below 1.
        clip_error: whether an error above 1, of a box below τ, becomes 1.

    Returns:
        The error, of the same shape: 0 for a perfect box, 1 at τ, 1/(1 − τ) for a box that misses.

    Raises:
        ValueError: `tau` is not in [0, 1).
    """
    check_hyperparameters(tau=tau)
    error = (1 - tf.convert_to_tensor(iou)) / (1 - tau)
    return tf.minimum(error, 1) if clip_error else error


def giou_error(giou: Tensor, tau: float = 0.5, clip_error: bool = False) -> Tensor:
    """Turn GIoU into the localisation error of aLRP, (1 − GIoU)/2/(1 − τ) (Oksuz et al., NeurIPS 2020, section 4).

    Gradient: exact; 0 where the error is clipped.

    Args:
        giou: float tensor of any shape, in [−1, 1]; the others as in `iou_error`.

    Returns:
        The error, of the same shape: 0 for a perfect box, at most 1/(1 − τ).

    Raises:
        ValueError: as `iou_error`.
    """
    check_hyperparameters(tau=tau)
    error = (1 - tf.convert_to_tensor(giou)) / (2 * (1 - tau))
    return tf.minimum(error, 1) if clip_error else error


def smooth_l1(y_true: Tensor, y_pred: Tensor, beta: float = 1.0) -> Tensor:
    """Compute the smooth L1 distance (Girshick, Fast R-CNN, ICCV 2015, eq. 3), summed over the coordinates of a box.

    Gradient: exact, to both.

    Args:
        y_true: float [..., 4]. Half precision is computed in float32.
        y_pred: float [..., 4], of the same shape.
        beta: where the parabola 0.5 d²/β turns into the line |d| − 0.5 β; above 0.

    Returns:
        The loss of each box, [...], at least 0, float32 (float64 for float64 boxes).

    Raises:
        ValueError, TypeError: as `aligned_iou`, and where `beta` is not above 0.
    """
    check_hyperparameters(beta=beta)
    y_true, y_pred = _check_boxes(y_true, y_pred, names=("y_true", "y_pred"))
    distance = tf.abs(y_pred - y_true)
    within = tf.minimum(distance, beta)
    return tf.reduce_sum(within * (0.5 * within / beta) + (distance - within), axis=-1)


def _areas(boxes: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the areas of the intersection, the union and the hull, each [...]."""
    low, high = tf.maximum(boxes[..., :2], other[..., :2]), tf.minimum(boxes[..., 2:], other[..., 2:])
    around_low, around_high = tf.minimum(boxes[..., :2], other[..., :2]), tf.maximum(boxes[..., 2:], other[..., 2:])
    area = lambda low, high: tf.reduce_prod(tf.maximum(high - low, 0), axis=-1)  # noqa: E731
    intersection = area(low, high)
    union = area(boxes[..., :2], boxes[..., 2:]) + area(other[..., :2], other[..., 2:]) - intersection
    return intersection, union, area(around_low, around_high)


def _check_boxes(boxes: Tensor, other: Tensor, names: tuple[str, str] = ("boxes", "other")) -> tuple[Tensor, Tensor]:
    """Bring two tensors of boxes to float32, or to float64 where one of them is that."""
    boxes, other = tf.convert_to_tensor(boxes), tf.convert_to_tensor(other)
    for name, tensor in zip(names, (boxes, other)):
        check_floating(name, tensor)
        if tensor.shape.rank == 0 or (tensor.shape.rank is not None and tensor.shape[-1] not in (4, None)):
            raise ValueError(f"{name} must have shape [..., 4], got {shape_text(tensor.shape)}")
    check_same_shape(names[1], other, names[0], boxes)
    dtype = tf.float64 if tf.float64 in (boxes.dtype, other.dtype) else tf.float32
    return tf.cast(boxes, dtype), tf.cast(other, dtype)
