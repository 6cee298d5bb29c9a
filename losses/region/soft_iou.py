"""The relaxed IoU of an image as a loss (Rahman and Wang, ISVC 2016; of soft labels Wang et al., NeurIPS 2023)."""

from ..base import PixelLoss, keras_loss
from ..checks import check_hyperparameters
from ..pixels import check_pixels
from ..references import JACCARD_METRIC, RAHMAN
from ..tensors import Tensor
from .overlap import OverlapSums, Terms, overlap_loss, ratio_terms, suppress_where_empty


def soft_iou(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "dot",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute 1 − I / U of each image with I = TP and U = TP + FP + FN (lovasz_softmax.md, eq. A.1 and A.2).

    Gradient: exact; with respect to `y_pred` only.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`.

    Returns:
        The loss of each image, [B] in [0, 1], as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters(empty_target=empty_target, soft_labels=soft_labels)
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )

    def terms(sums: OverlapSums) -> Terms:
        paper = ratio_terms(sums, 1, 1, 1)
        return suppress_where_empty(sums, paper) if empty_target == "suppress" else paper

    return overlap_loss(pixels, terms, soft_labels=soft_labels, from_logits=from_logits)


def jaccard_metric(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "min",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the Jaccard metric loss of each image: 1 − (|p| + |y| − |p − y|) / (|p| + |y| + |p − y|), norms L1.

    It is `soft_iou` of the form "min"; on labels 0 and 1 all forms are the same.

    Gradient: exact; with respect to `y_pred` only.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`, but one:
        soft_labels: "min", the authors' JML1, which is a metric; or "dot", their JML2, 1 − p · y / (p · y + |p − y|).

    Returns:
        The loss of each image, [B] in [0, 1], as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters("jaccard_metric", soft_labels=soft_labels)
    return soft_iou(
        y_true,
        y_pred,
        from_logits=from_logits,
        ignore_label=ignore_label,
        empty_target=empty_target,
        soft_labels=soft_labels,
        sample_weight=sample_weight,
    )


@keras_loss(
    "soft_iou",
    soft_iou,
    "saliency",
    "relaxed IoU of each image",
    RAHMAN,
    when="IoU counts, of each picture",
)
class SoftIoU(PixelLoss):
    """Soft IoU as a Keras loss; arguments as in `soft_iou`."""


@keras_loss(
    "jaccard_metric",
    jaccard_metric,
    "saliency",
    "IoU of each image, of soft masks too",
    JACCARD_METRIC,
    when="IoU counts and masks are shares, as the Jaccard metric losses' paper has it",
)
class JaccardMetric(PixelLoss):
    """The Jaccard metric loss as a Keras loss; arguments as in `jaccard_metric`."""
