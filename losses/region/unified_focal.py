"""The unified focal loss: focal cross-entropy and focal Tversky loss with the same hyperparameters."""

import keras
import tensorflow as tf

from ..base import PixelLoss, keras_loss
from ..checks import check_hyperparameters
from ..pixels import Pixels, check_pixels, per_image, sum_pixels
from ..references import YEUNG
from ..tensors import Tensor, ValueAndGradient
from .overlap import OverlapSums, Terms, overlap_loss, ratio_terms, suppress_where_empty
from .tversky import to_the_power


def unified_focal(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    focal_weight: float = 0.5,
    delta: float = 0.6,
    gamma: float = 0.5,
    asymmetric: bool = True,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "dot",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the unified focal loss of each image, λ focal + (1 − λ) Tversky (Yeung et al., CMIG 2022).

    The focal part is the mean of −δ y log p − (1 − δ) (1 − y) p^γ log(1 − p) over the pixels. The other is the mean of
    (1 − T)^(1 − γ) of the foreground and 1 − T of the background, T = TP / (TP + δ FN + (1 − δ) FP), what is false of
    the one being false the other way of the other. `asymmetric=False` gives the foreground's cross-entropy the factor
    (1 − p)^γ, and the background's 1 − T the power 1 − γ. Powers, the mean and what δ weighs are those of the authors'
    code, and λ is the focal part's weight as in the paper.

    Gradient: exact; with respect to `y_pred` only. 0 where 1 − T is 0, at the cusp of γ > 0, too. Probabilities in
    logarithms are kept `keras.config.epsilon()` away from 0 and 1; outside these have no gradient.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`, but these:
        focal_weight: λ, from 0 to 1.
        delta: δ, from 0 to 1, what the foreground and its false negatives weigh.
        gamma: γ, at least 0 and below 1: how much easy background is faded out, and hard foreground lifted.
        asymmetric: whether that is done to one of them each, not to both.
        empty_target: as in `floss`, for the Tversky part of each of foreground and background.
        soft_labels: as in `floss`, for the Tversky part. The focal part is not smallest at p = y: of labels between 0
            and 1 the whole is not either.

    Returns:
        The loss of each image, [B], at least 0, as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters(
        "unified_focal",
        focal_weight=focal_weight,
        delta=delta,
        gamma=gamma,
        asymmetric=asymmetric,
        empty_target=empty_target,
        soft_labels=soft_labels,
    )
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )

    def tversky_of(pixels: Pixels, false_negative_weight: float, power: float) -> Tensor:
        def terms(sums: OverlapSums) -> Terms:
            ratio = ratio_terms(sums, 1, 1 - false_negative_weight, false_negative_weight)
            paper = to_the_power(ratio, power)
            return suppress_where_empty(sums, paper) if empty_target == "suppress" else paper

        return overlap_loss(pixels, terms, soft_labels=soft_labels, from_logits=from_logits)

    turned = -pixels.prediction if from_logits else 1 - pixels.prediction
    background = pixels._replace(labels=1 - pixels.labels, prediction=turned)
    tversky = tversky_of(pixels, delta, 1 - gamma) + tversky_of(background, delta, 1 if asymmetric else 1 - gamma)
    focal = _focal(pixels, delta, 0 if asymmetric else gamma, gamma, from_logits)
    return focal_weight * focal + (1 - focal_weight) / 2 * tversky


def _focal(pixels: Pixels, delta: float, foreground_power: float, background_power: float, from_logits: bool) -> Tensor:
    """Average −δ y (1 − p)^g log p − (1 − δ) (1 − y) p^γ log(1 − p) over the pixels of each image."""
    labels = pixels.labels
    share = pixels.sound * tf.math.reciprocal_no_nan(pixels.total())

    @tf.custom_gradient
    def loss(prediction: Tensor) -> ValueAndGradient:
        given = prediction
        if not from_logits:
            epsilon = keras.config.epsilon()
            given = tf.clip_by_value(prediction, epsilon, 1 - epsilon)
            log_p, log_q = tf.math.log(given), tf.math.log1p(-given)
        else:
            log_p, log_q = tf.math.log_sigmoid(given), tf.math.log_sigmoid(-given)
        p, q = tf.exp(log_p), tf.exp(log_q)
        faded_p, faded_q = tf.exp(foreground_power * log_q), tf.exp(background_power * log_p)
        entropy = -delta * labels * faded_p * log_p - (1 - delta) * (1 - labels) * faded_q * log_q

        def gradient(upstream: Tensor) -> Tensor:
            # by z, with q = 1 − p: d q^g log p = q^g (q − g p log p), d p^γ log q = p^γ (γ q log q − p)
            foreground = faded_p * (q - foreground_power * p * log_p)
            background = faded_q * (background_power * q * log_q - p)
            slope = -delta * labels * foreground - (1 - delta) * (1 - labels) * background
            if not from_logits:
                # dz/dp = 1 / (p (1 − p))
                slope = tf.where(tf.equal(given, prediction), slope / (p * q), 0)
            return per_image(upstream * share) * pixels.weigh(slope)

        return share * sum_pixels(pixels.weigh(entropy)), gradient

    return loss(pixels.prediction)


@keras_loss(
    "unified_focal",
    unified_focal,
    "saliency",
    "focal likelihood and Tversky index together",
    YEUNG,
    when="objects are few pixels on much background, and one setting is to rule both of its parts",
)
class UnifiedFocal(PixelLoss):
    """The unified focal loss as a Keras loss; arguments as in `unified_focal`."""
