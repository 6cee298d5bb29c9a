"""The Tversky index of an image as a loss, and its focal form."""

import tensorflow as tf

from ..base import PixelLoss, keras_loss
from ..checks import check_hyperparameters
from ..pixels import check_pixels, is_there
from ..references import ABRAHAM, SALEHI
from ..tensors import Tensor
from .overlap import OverlapSums, Terms, overlap_loss, ratio_terms, suppress_where_empty


def tversky(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "dot",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the Tversky loss of each image, 1 − TP / (TP + α FP + β FN) (Salehi et al., MLMI 2017).

    α = β = .5 is `dice`, α = β = 1 `soft_iou`.

    Gradient: exact; with respect to `y_pred` only.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`, but two:
        alpha: what a false positive weighs, at least 0.
        beta: what a false negative weighs, above 0. More than alpha favours recall.

    Returns:
        The loss of each image, [B] in [0, 1], as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters(alpha=alpha, beta=beta)
    return focal_tversky(
        y_true,
        y_pred,
        alpha=alpha,
        beta=beta,
        gamma=1.0,
        from_logits=from_logits,
        ignore_label=ignore_label,
        empty_target=empty_target,
        soft_labels=soft_labels,
        sample_weight=sample_weight,
    )


def focal_tversky(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "dot",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the focal Tversky loss of each image, `tversky` to the power of 1 / γ (Abraham and Khan, ISBI 2019).

    Above 1, γ makes the gradient of images that are nearly right larger. Their α and β are the other way round.

    Gradient: exact; with respect to `y_pred` only. 0 where the loss is 0, at the cusp of γ > 1, too.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `tversky`, but one:
        gamma: γ, above 0; the authors take 4/3.

    Returns:
        The loss of each image, [B] in [0, 1], as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters(
        "focal_tversky", alpha=alpha, beta=beta, gamma=gamma, empty_target=empty_target, soft_labels=soft_labels
    )
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )

    def terms(sums: OverlapSums) -> Terms:
        paper = to_the_power(ratio_terms(sums, 1, alpha, beta), 1 / gamma)
        return suppress_where_empty(sums, paper) if empty_target == "suppress" else paper

    return overlap_loss(pixels, terms, soft_labels=soft_labels, from_logits=from_logits)


def to_the_power(terms: Terms, exponent: float) -> Terms:
    """Raise a loss in [0, 1] to a power above 0; the slope is 0 where it is 0."""
    if exponent == 1:
        return terms
    some = is_there(terms.loss)
    loss = tf.where(some, terms.loss, 1)
    # dL^e = e L^(e − 1) dL
    slope = tf.where(some, exponent * tf.pow(loss, exponent - 1), 0)
    return Terms(tf.where(some, tf.pow(loss, exponent), 0), *(slope * term for term in terms[1:]))


@keras_loss(
    "tversky",
    tversky,
    "saliency",
    "Tversky index of each image: recall over precision",
    SALEHI,
    when="missed pixels cost more than false ones (beta above alpha), or less",
)
class Tversky(PixelLoss):
    """The Tversky loss as a Keras loss; arguments as in `tversky`."""


@keras_loss(
    "focal_tversky",
    focal_tversky,
    "saliency",
    "Tversky index, nearly right images weighing more",
    ABRAHAM,
    when="the same with small objects, where pictures that are nearly right are to go on learning",
)
class FocalTversky(PixelLoss):
    """The focal Tversky loss as a Keras loss; arguments as in `focal_tversky`."""
