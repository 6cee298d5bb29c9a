"""What FLoss is compared with: cross-entropy, its class-balanced form, and the soft IoU of Rahman and Wang."""

import keras
import tensorflow as tf

from ..base import PixelLoss
from ..checks import check_empty_target, check_pixels
from ..pixels import per_image, sum_pixels, sum_products
from ..region.overlap import Terms, choose_where_empty, mean_prediction, overlap_loss


def cross_entropy(y_true, y_pred, *, from_logits=False, ignore_label=None, sample_weight=None):
    """Compute the binary cross-entropy of each image (eq. 8): Keras' own, averaged over the pixels.

    Gradient: exact (eq. 9); with respect to `y_pred` only. Probabilities are kept `keras.config.epsilon()` away from 0
    and 1, as Keras does; outside the gradient is 0.

    Args:
        y_true: bool, integer or float [B, H, W] or [B, H, W, 1]: 1 salient, 0 background.
        y_pred: float [B, H, W] or [B, H, W, 1], probabilities in [0, 1], or logits.
        from_logits: whether `y_pred` holds logits.
        ignore_label: the value of `y_true` whose pixels are left out, or None.
        sample_weight: pixel weights, 0 or more, [B, H, W] or [B, H, W, 1]: a pixel of weight 2 counts as two pixels.

    Returns:
        The loss of each image, [B], at least 0, float32 (float64 for float64 predictions). An image of which
        everything is ignored gives loss 0 and gradient 0.

    Raises:
        ValueError: a shape is not one of these.
        TypeError: a dtype is not one of these.
    """
    pixels = check_pixels(y_true, y_pred, ignore_label=ignore_label, sample_weight=sample_weight)
    return _weighted_cross_entropy(pixels, pixels.weight, from_logits)


def balanced_cross_entropy(y_true, y_pred, *, from_logits=False, ignore_label=None, sample_weight=None):
    """Compute the class-balanced binary cross-entropy of each image (section 4.4).

    Positive pixels weigh w1 = the share of negatives in the minibatch, negative pixels w0 = the share of positives.
    A minibatch of one class alone gives loss 0 and gradient 0.

    Gradient: exact, with w1 and w0 as constants; with respect to `y_pred` only.

    Args:
        y_true: bool, integer or float [B, H, W] or [B, H, W, 1]: 1 salient, 0 background.
        y_pred: float [B, H, W] or [B, H, W, 1], probabilities in [0, 1], or logits.
        from_logits: whether `y_pred` holds logits.
        ignore_label: the value of `y_true` whose pixels are left out, or None.
        sample_weight: pixel weights, 0 or more, [B, H, W] or [B, H, W, 1]: a pixel of weight 2 counts as two pixels.

    Returns:
        The loss of each image, [B], at least 0, float32 (float64 for float64 predictions). An image of which
        everything is ignored gives loss 0 and gradient 0.

    Raises:
        ValueError: a shape is not one of these.
        TypeError: a dtype is not one of these.
    """
    pixels = check_pixels(y_true, y_pred, ignore_label=ignore_label, sample_weight=sample_weight)
    positives = tf.reduce_sum(sum_pixels(pixels.weigh(pixels.labels)))
    positive_share = tf.math.divide_no_nan(positives, tf.reduce_sum(pixels.total()))
    class_weight = positive_share + (1 - 2 * positive_share) * pixels.labels
    return _weighted_cross_entropy(pixels, pixels.weigh(class_weight), from_logits)


def _weighted_cross_entropy(pixels, weight, from_logits):
    """Sum the cross-entropy of an image's pixels times `weight`, and divide by the total weight of `pixels`."""
    share = tf.math.reciprocal_no_nan(pixels.total())
    entropy_and_slope = _cross_entropy_of_logits if from_logits else _cross_entropy_of_probabilities

    @tf.custom_gradient
    def loss(prediction):
        entropy, slope = entropy_and_slope(pixels.labels, prediction)
        value = share * (sum_pixels(entropy) if weight is None else sum_products(weight, entropy))

        def gradient(upstream):
            weighted = slope if weight is None else weight * slope
            return per_image(upstream * share) * weighted

        return value, gradient

    return loss(pixels.prediction)


def _cross_entropy_of_logits(labels, logits):
    """Return the cross-entropy of each pixel in Keras' stable form, and its derivative."""
    tail = tf.exp(-tf.abs(logits))
    entropy = tf.maximum(logits, 0) - logits * labels + tf.math.log1p(tail)
    # eq. 9, times p (1 − p): dL/dz_i = p_i − y_i
    return entropy, tf.where(logits < 0, tail, 1) / (1 + tail) - labels


def _cross_entropy_of_probabilities(labels, probability):
    """Return the cross-entropy of each pixel by Keras, and its derivative."""
    entropy = keras.ops.binary_crossentropy(labels, probability)
    epsilon = keras.config.epsilon()
    clipped = tf.clip_by_value(probability, epsilon, 1 - epsilon)
    inside = tf.cast(tf.equal(clipped, probability), labels.dtype)
    # eq. 9: dL/dp_i = (1 − y_i) / (1 − p_i) − y_i / p_i
    return entropy, inside * ((1 - labels) / (1 - clipped) - labels / clipped)


def soft_iou(y_true, y_pred, *, from_logits=False, ignore_label=None, empty_target="paper", sample_weight=None):
    """Compute 1 − I / U of each image with I = Σ p y and U = Σ (p + y) − I (lovasz_softmax.md, eq. A.1 and A.2).

    Gradient: exact; with respect to `y_pred` only.

    Args:
        y_true: bool, integer or float [B, H, W] or [B, H, W, 1]: 1 salient, 0 background.
        y_pred: float [B, H, W] or [B, H, W, 1], probabilities in [0, 1], or logits.
        from_logits: whether `y_pred` holds logits.
        ignore_label: the value of `y_true` whose pixels are left out, or None.
        empty_target: what an image with an empty mask gives. "paper": loss 1 and gradient 0, as the formula does.
            "suppress": the mean prediction, in [0, 1], which pushes all predictions down.
        sample_weight: pixel weights, 0 or more, [B, H, W] or [B, H, W, 1]: a pixel of weight 2 counts as two pixels.

    Returns:
        The loss of each image, [B] in [0, 1], float32 (float64 for float64 predictions). An image of which everything
        is ignored gives loss 0 and gradient 0.

    Raises:
        ValueError: a shape or a hyperparameter is not one of these.
        TypeError: a dtype is not one of these.
    """
    check_empty_target(empty_target)
    pixels = check_pixels(y_true, y_pred, ignore_label=ignore_label, sample_weight=sample_weight)

    def terms(sums):
        union = sums.predicted + sums.positives - sums.true_positives
        iou = tf.math.divide_no_nan(sums.true_positives, union)
        # quotient rule on A.1 / A.2: dL/dp_i = I / U² − y_i (1 + I / U) / U
        paper = Terms(1 - iou, tf.math.divide_no_nan(iou, union), tf.math.divide_no_nan(1 + iou, union))
        return choose_where_empty(sums, paper, *mean_prediction(sums)) if empty_target == "suppress" else paper

    return overlap_loss(pixels, terms, from_logits=from_logits)


@keras.saving.register_keras_serializable(package="metricfit")
class CrossEntropy(PixelLoss):
    """Binary cross-entropy as a Keras loss: `cross_entropy` of each image, then reduced.

    Args:
        from_logits: whether predictions are logits.
        ignore_label: the label whose pixels are left out, or None.
        reduction: as in `keras.losses.Loss`, over the images.
        name: the loss' name.
    """

    function = staticmethod(cross_entropy)

    def __init__(self, *, from_logits=False, ignore_label=None, reduction="sum_over_batch_size", name="cross_entropy"):
        super().__init__(name=name, reduction=reduction, from_logits=from_logits, ignore_label=ignore_label)


@keras.saving.register_keras_serializable(package="metricfit")
class BalancedCrossEntropy(CrossEntropy):
    """Class-balanced cross-entropy as a Keras loss: `balanced_cross_entropy`. Arguments as in `CrossEntropy`."""

    function = staticmethod(balanced_cross_entropy)

    def __init__(self, *, name="balanced_cross_entropy", **hyperparameters):
        super().__init__(name=name, **hyperparameters)


@keras.saving.register_keras_serializable(package="metricfit")
class SoftIoU(PixelLoss):
    """Soft IoU as a Keras loss: `soft_iou` of each image, then reduced.

    Args:
        from_logits: whether predictions are logits.
        ignore_label: the label whose pixels are left out, or None.
        empty_target: "paper" or "suppress", what an image with an empty mask gives.
        reduction: as in `keras.losses.Loss`, over the images.
        name: the loss' name.
    """

    function = staticmethod(soft_iou)

    def __init__(
        self,
        *,
        from_logits=False,
        ignore_label=None,
        empty_target="paper",
        reduction="sum_over_batch_size",
        name="soft_iou",
    ):
        check_empty_target(empty_target)
        super().__init__(
            name=name,
            reduction=reduction,
            from_logits=from_logits,
            ignore_label=ignore_label,
            empty_target=empty_target,
        )
