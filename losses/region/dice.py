"""The Dice overlap of an image as a loss: twice what prediction and mask share, over what both have."""

from ..base import PixelLoss, keras_loss
from ..checks import check_hyperparameters
from ..pixels import check_pixels
from ..references import DICE_SEMIMETRIC, MILLETARI
from ..tensors import Tensor
from .overlap import OverlapSums, Terms, overlap_loss, ratio_terms, suppress_where_empty


def dice(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "dot",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the Dice loss of each image, 1 − 2 TP / (2 TP + FP + FN): FLoss with β² = 1.

    On labels 0 and 1 the denominator is Σ p + Σ y. Milletari et al. (V-Net, 3DV 2016) sum squares there.

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
        paper = ratio_terms(sums, 2, 1, 1)
        return suppress_where_empty(sums, paper) if empty_target == "suppress" else paper

    return overlap_loss(pixels, terms, soft_labels=soft_labels, from_logits=from_logits)


def dice_semimetric(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "min",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the Dice semimetric loss of each image: 1 − (|p| + |y| − |p − y|) / (|p| + |y|), norms L1.

    The twin of `jaccard_metric`: `dice` of the form "min"; on labels 0 and 1 all forms are the same.

    Gradient: exact; with respect to `y_pred` only.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`, but one:
        soft_labels: "min", the authors' DML1, or "dot", their DML2, 1 − 2 p · y / (2 p · y + |p − y|).

    Returns:
        The loss of each image, [B] in [0, 1], as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters("dice_semimetric", soft_labels=soft_labels)
    return dice(
        y_true,
        y_pred,
        from_logits=from_logits,
        ignore_label=ignore_label,
        empty_target=empty_target,
        soft_labels=soft_labels,
        sample_weight=sample_weight,
    )


@keras_loss(
    "dice",
    dice,
    "saliency",
    "Dice overlap of each image",
    f"{MILLETARI}, with sums for its squares; {DICE_SEMIMETRIC}",
    when="Dice counts, which is F with precision and recall alike",
)
class Dice(PixelLoss):
    """The Dice loss as a Keras loss; arguments as in `dice`."""


@keras_loss(
    "dice_semimetric",
    dice_semimetric,
    "saliency",
    "Dice overlap, of soft masks too",
    DICE_SEMIMETRIC,
    when="Dice counts and masks are shares, as the Dice semimetric losses' paper has it",
)
class DiceSemimetric(PixelLoss):
    """The Dice semimetric loss as a Keras loss; arguments as in `dice_semimetric`."""
