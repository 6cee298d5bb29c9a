"""The structure loss of F3Net: cross-entropy and IoU of an image, in which pixels near edges weigh more."""

import tensorflow as tf

from ..base import PixelLoss, keras_loss
from ..checks import check_hyperparameters
from ..pixels import check_pixels
from ..pixelwise.cross_entropy import weighted_cross_entropy
from ..references import WEI
from ..tensors import Tensor
from .overlap import OverlapSums, Terms, overlap_loss

_SIDE = 31  # of the square around a pixel
_EMPHASIS = 5


def structure(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    ignore_label: float | None = None,
    soft_labels: str = "dot",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the structure loss of each image: weighted cross-entropy, plus weighted IoU as a loss.

    A pixel weighs ω = 1 + 5 |m − y|, where m is the mean of the labels in a square of 31 pixels around it, with 0
    beyond the border and where pixels are left out. The cross-entropy is Σ ω ce / Σ ω, and the other part
    1 − (I + 1) / (U + 1) with I = Σ ω p y: an image without foreground has a gradient, too.

    Gradient: exact; with respect to `y_pred` only. Probabilities are kept from 0 and 1 as in `cross_entropy`.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`. Pixel weights multiply ω.

    Returns:
        The loss of each image, [B], at least 0, as `floss`. Where a label is between 0 and 1, the smallest loss is at
        p = y (but for `soft_labels="paper"`), and above 0, as of `cross_entropy`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters(soft_labels=soft_labels)
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )
    pixels = pixels._replace(weight=pixels.weigh(1 + _EMPHASIS * tf.abs(_mean_around(pixels.labels) - pixels.labels)))

    def terms(sums: OverlapSums) -> Terms:
        wrong = sums.false_positives + sums.false_negatives
        union = sums.true_positives + wrong + 1
        # 1 − (I + 1) / (U + 1) = (FP + FN) / (U + 1), by the quotient rule
        loss = wrong / union
        slope = (sums.true_positives + 1) / union / union
        return Terms(loss, -loss / union, slope, slope)

    entropy = weighted_cross_entropy(pixels, pixels.weight, from_logits)
    return entropy + overlap_loss(pixels, terms, soft_labels=soft_labels, from_logits=from_logits)


def _mean_around(labels: Tensor) -> Tensor:
    """Average [B, H, W] over a square around each pixel, with 0 beyond the border."""
    reach = _SIDE // 2
    padded = tf.pad(labels, [[0, 0], [reach, reach], [reach, reach]])[..., tf.newaxis]
    # rows and then columns: 62 numbers a pixel instead of 961
    rows = tf.nn.avg_pool2d(padded, [_SIDE, 1], 1, "VALID")
    return tf.nn.avg_pool2d(rows, [1, _SIDE], 1, "VALID")[..., 0]


@keras_loss(
    "structure",
    structure,
    "saliency",
    "likelihood and IoU, edges weighing more",
    WEI,
    when="edges are to be sharp, and to compare with what most papers train with today",
)
class Structure(PixelLoss):
    """The structure loss as a Keras loss; arguments as in `structure`."""
