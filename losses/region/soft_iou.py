"""The relaxed IoU of an image as a loss (Rahman and Wang, ISVC 2016)."""

import tensorflow as tf

from ..base import PixelLoss, keras_loss
from ..checks import check_hyperparameters
from ..pixels import check_pixels
from ..references import RAHMAN
from ..tensors import Tensor
from .overlap import OverlapSums, Terms, overlap_loss, suppress_where_empty


def soft_iou(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute 1 − I / U of each image with I = Σ p y and U = Σ (p + y) − I (lovasz_softmax.md, eq. A.1 and A.2).

    Gradient: exact; with respect to `y_pred` only.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`.

    Returns:
        The loss of each image, [B] in [0, 1], as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters(empty_target=empty_target)
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )

    def terms(sums: OverlapSums) -> Terms:
        union = sums.predicted + sums.positives - sums.true_positives
        iou = tf.math.divide_no_nan(sums.true_positives, union)
        # quotient rule on A.1 / A.2: dL/dp_i = I / U² − y_i (1 + I / U) / U
        paper = Terms(1 - iou, tf.math.divide_no_nan(iou, union), tf.math.divide_no_nan(1 + iou, union))
        return suppress_where_empty(sums, paper) if empty_target == "suppress" else paper

    return overlap_loss(pixels, terms, from_logits=from_logits)


@keras_loss("soft_iou", soft_iou, "saliency", "relaxed IoU of each image", RAHMAN)
class SoftIoU(PixelLoss):
    """Soft IoU as a Keras loss; arguments as in `soft_iou`."""
