"""The relaxed F-measure of an image as a loss: FLoss and Log-FLoss (Zhao et al., ICCV 2019).

With TP = Σ p y, H = β² (TP + FN) + TP + FP and F = (1 + β²) TP / H (eq. 3-5), FLoss is 1 − F (eq. 6) and Log-FLoss
−log F. What FP and FN are of labels between 0 and 1, `overlap.py` says.
"""

import keras
import tensorflow as tf

from ..base import PixelLoss, keras_loss
from ..checks import check_hyperparameters
from ..pixels import Pixels, check_pixels, is_there, per_image, sum_pixels, sum_products
from ..references import ZHAO
from ..tensors import Tensor, ValueAndGradient, choose
from .overlap import (
    OverlapSums,
    Terms,
    choose_where_empty,
    false_sums,
    holds_shares,
    overlap_loss,
    ratio_terms,
    rise_of_common,
    suppress_where_empty,
)


def floss(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    beta2: float = 0.3,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "dot",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute FLoss, 1 − F with the relaxed F-measure of each image (eq. 5 and 6).

    Gradient: exact (eq. 7); with respect to `y_pred` only.

    Args:
        y_true: bool, integer or float [B, H, W] or [B, H, W, 1]: 1 salient, 0 background, shares of 1 between. Bytes
            (uint8) of 0 and 255 alone are read as 0 and 1, unless `ignore_label` is 255.
        y_pred: float [B, H, W] or [B, H, W, 1], probabilities in [0, 1], or logits.
        beta2: the paper's β², above 0. Above 1 it favours recall, below 1 precision.
        from_logits: whether `y_pred` holds logits.
        ignore_label: the value of `y_true` whose pixels are left out, or None.
        empty_target: what an image with an empty mask gives. "paper": loss 1 and gradient 0, as eq. 6 and 7 do.
            "suppress": the mean prediction, in [0, 1], which pushes all predictions down.
        soft_labels: what the sums are of labels between 0 and 1; of 0 and 1 all are the same. "dot": TP = Σ p y,
            FP = Σ max(p − y, 0), FN = Σ max(y − p, 0); "min": the same with TP = Σ min(p, y). Both are smallest where
            p = y, and there alone. "paper": the products of eq. 3, which draw p to 1 where y is .5.
        sample_weight: pixel weights, 0 or more, [B, H, W] or [B, H, W, 1]: a pixel of weight 2 counts as two pixels.

    Returns:
        The loss of each image, [B] in [0, 1], float32 (float64 for float64 predictions). An image of which everything
        is ignored gives loss 0 and gradient 0.

    Raises:
        ValueError, TypeError: a shape, a dtype, a value or a hyperparameter is not one of these. For a value it is
            `tf.errors.InvalidArgumentError` in a graph; under XLA the loss is NaN.
    """
    check_hyperparameters(beta2=beta2, empty_target=empty_target, soft_labels=soft_labels)
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )

    def terms(sums: OverlapSums) -> Terms:
        # eq. 7 for labels 0 and 1: dL/dp_i = (1 + β²) TP / H² − (1 + β²) y_i / H
        paper = ratio_terms(sums, 1 + beta2, 1, beta2)
        return suppress_where_empty(sums, paper) if empty_target == "suppress" else paper

    return overlap_loss(pixels, terms, soft_labels=soft_labels, from_logits=from_logits)


def log_floss(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    beta2: float = 0.3,
    from_logits: bool = False,
    ignore_label: float | None = None,
    empty_target: str = "paper",
    soft_labels: str = "dot",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute Log-FLoss, −log F with the relaxed F-measure of each image (eq. 5).

    From logits, TP is summed as a logarithm: value and gradient stay right where every probability underflows. From
    probabilities, TP is kept above 1e-7 of the mask's weight (`keras.config.epsilon()`).

    Gradient: exact (eq. 7 divided by F); with respect to `y_pred` only.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`, except for one:
        empty_target: "paper" gives an image with an empty mask loss 0; "suppress" −log(1 − mean prediction).

    Returns:
        The loss of each image, [B], at least 0, as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters(beta2=beta2, empty_target=empty_target, soft_labels=soft_labels)
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )
    if from_logits:
        return _log_floss_from_logits(pixels, beta2, soft_labels, empty_target)

    def terms(sums: OverlapSums) -> Terms:
        floor = keras.config.epsilon()
        right, wrong = sums.true_positives, sums.false_positives + beta2 * sums.false_negatives
        denominator = (1 + beta2) * right + wrong
        true_positives = tf.maximum(right, floor * (right + sums.false_negatives))
        f_measure = tf.math.divide_no_nan((1 + beta2) * true_positives, denominator)
        value = -tf.math.log(tf.where(sums.labelled, f_measure, 1))
        # −log F = log H − log TP − log(1 + β²): of labels 0 and 1 eq. 7 / F, dL/dp_i = 1 / H − y_i / TP
        slope = tf.math.reciprocal_no_nan(denominator)
        by_true_positives = (1 + beta2) * slope - tf.math.reciprocal_no_nan(true_positives)
        paper = Terms(value, by_true_positives, slope, beta2 * slope)
        if empty_target == "paper":
            return choose_where_empty(sums, paper, 0, 0)
        # −log(1 − Σ w p / Σ w) has the slope 1 / Σ w (1 − p)
        remaining = tf.maximum(sums.total - sums.false_positives, floor * sums.total)
        share = tf.where(is_there(sums.total), tf.math.divide_no_nan(remaining, sums.total), 1)
        return choose_where_empty(sums, paper, -tf.math.log(share), tf.math.reciprocal_no_nan(remaining))

    return overlap_loss(pixels, terms, soft_labels=soft_labels, from_logits=False)


def _log_floss_from_logits(pixels: Pixels, beta2: float, soft_labels: str, empty_target: str) -> Tensor:
    """Compute Log-FLoss with TP as a logarithm; under "suppress" an empty mask is the same sum over turned logits."""
    labels = pixels.labels
    positives, total = sum_pixels(pixels.weigh(labels)), pixels.total()
    labelled = is_there(positives)
    sign = None
    if empty_target == "suppress":
        # 1 − p = σ(−z), so that −log(1 − mean prediction) = log Σ w − log TP of the turned logits, all pixels positive
        sign = tf.where(labelled, tf.constant(1, labels.dtype), -1)
        labels = tf.where(per_image(labelled), labels, 1)
    weighted = pixels.weigh(labels)
    counts = is_there(total) if empty_target == "suppress" else labelled
    shares = holds_shares(pixels, soft_labels)

    @tf.custom_gradient
    def loss(logits: Tensor) -> ValueAndGradient:
        logits = logits if sign is None else logits * per_image(sign)
        probability = tf.sigmoid(logits)
        # TP = e^r Σ w y q with q = p e^−r = 1 / (e^r + e^(r − z)) and r the largest positive pixel's logit, if below 0
        largest = tf.reduce_max(tf.where(weighted > 0, logits, logits.dtype.min), axis=(1, 2))
        reference = per_image(tf.minimum(largest, 0))
        relative = 1 / (tf.exp(reference) + tf.exp(reference - tf.minimum(logits, per_image(largest))))

        def of_products() -> tuple[Tensor, Tensor]:
            return sum_products(weighted, relative), beta2 * positives + sum_pixels(pixels.weigh(probability))

        def of_shares() -> tuple[Tensor, Tensor]:
            if soft_labels == "min":
                # min(p, y) e^−r, with H as above
                common = tf.where(labels > 0, tf.minimum(relative, labels / tf.exp(reference)), 0)
                return sum_pixels(pixels.weigh(common)), of_products()[1]
            relative_sum = sum_products(weighted, relative)
            right = (1 + beta2) * tf.exp(reference[:, 0, 0]) * relative_sum
            false_positives, false_negatives = false_sums(pixels, probability)
            return relative_sum, right + false_positives + beta2 * false_negatives

        relative_sum, denominator = choose(shares, of_shares, of_products)
        log_true_positives = reference[:, 0, 0] + tf.math.log(tf.where(counts, relative_sum, 1))
        numerator = tf.where(labelled, denominator / (1 + beta2), total)
        value = tf.math.log(tf.where(counts, numerator, 1)) - log_true_positives

        def gradient(upstream: Tensor) -> Tensor:
            upstream = upstream if sign is None else upstream * sign
            upstream = tf.where(counts, upstream, 0)
            slope_all = tf.where(labelled, tf.math.divide_no_nan(upstream, denominator), 0)
            slope_positive = tf.math.divide_no_nan(upstream, relative_sum)

            # eq. 7 / F, times p (1 − p): dL/dz_i = (1 − p_i) (p_i / H · dH/dp_i − p_i / TP · dTP/dp_i)
            def along(of_denominator: Tensor, of_positives: Tensor) -> Tensor:
                all_pixels = per_image(slope_all) * pixels.weigh(probability * of_denominator)
                return all_pixels - per_image(slope_positive) * pixels.weigh(of_positives * relative)

            def of_products() -> Tensor:
                return (
                    per_image(slope_all) * pixels.weigh(probability) - per_image(slope_positive) * weighted * relative
                )

            def of_shares() -> Tensor:
                rising = rise_of_common(probability, labels)
                if soft_labels == "min":
                    return along(tf.ones([], labels.dtype), rising)
                return along(1 + (1 + beta2) * (labels - rising), labels)

            return (1 - probability) * choose(shares, of_shares, of_products)

        return tf.where(counts, value, 0), gradient

    return pixels.sound * loss(pixels.prediction)


@keras_loss(
    "floss",
    floss,
    "saliency",
    "relaxed F-measure of each image",
    f"{ZHAO}, eq. 5-7",
    when="the F-measure counts, as the field's papers report it; the first to try",
)
class FLoss(PixelLoss):
    """FLoss as a Keras loss; arguments as in `floss`."""


@keras_loss(
    "log_floss",
    log_floss,
    "saliency",
    "log of the relaxed F-measure",
    f"{ZHAO}, log variant",
    when="floss starts too slowly, or objects are so small that it stays near 1",
)
class LogFLoss(PixelLoss):
    """Log-FLoss as a Keras loss; arguments as in `log_floss`."""
