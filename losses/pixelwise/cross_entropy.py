"""Cross-entropies of pixels: binary, class-balanced, and of the softmax. What region losses are compared with."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from ..base import LabelMapLoss, PixelLoss, keras_loss
from ..checks import check_per_class
from ..label_maps import check_label_maps
from ..pixels import Pixels, check_pixels, per_image, sum_pixels, sum_products
from ..references import BERMAN, ZHAO
from ..replicas import Replicas
from ..tensors import Tensor, ValueAndGradient


def cross_entropy(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    ignore_label: float | None = None,
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the binary cross-entropy of each image (eq. 8): Keras' own, averaged over the pixels.

    Gradient: exact (eq. 9); with respect to `y_pred` only. Probabilities are kept `keras.config.epsilon()` away from 0
    and 1, as Keras does; outside the gradient is 0.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`.

    Returns:
        The loss of each image, [B], at least 0, as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )
    return weighted_cross_entropy(pixels, pixels.weight, from_logits)


def balanced_cross_entropy(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    ignore_label: float | None = None,
    scope: str = "global",
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Compute the class-balanced binary cross-entropy of each image (section 4.4).

    Positive pixels weigh w1 = the share of negatives in the minibatch, negative pixels w0 = the share of positives.
    A minibatch of one class alone gives loss 0 and gradient 0.

    Gradient: exact, with w1 and w0 as constants; with respect to `y_pred` only.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]; this and the others as in `floss`, but one:
        scope: on several replicas: "global" takes the shares in the batches of all, "replica" in each by itself.

    Returns:
        The loss of each image, [B], at least 0, as `floss`.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    pixels = check_pixels(
        y_true, y_pred, from_logits=from_logits, ignore_label=ignore_label, sample_weight=sample_weight
    )
    positives = tf.reduce_sum(sum_pixels(pixels.weigh(pixels.labels)))
    positives, total = tf.unstack(Replicas(scope).sum(tf.stack([positives, tf.reduce_sum(pixels.total())])))
    positive_share = tf.math.divide_no_nan(positives, total)
    class_weight = positive_share + (1 - 2 * positive_share) * pixels.labels
    return weighted_cross_entropy(pixels, pixels.weigh(class_weight), from_logits)


def weighted_cross_entropy(pixels: Pixels, weight: Tensor | None, from_logits: bool) -> Tensor:
    """Sum the cross-entropy of each image's pixels times `weight`, and divide by its total weight."""
    share = pixels.sound * tf.math.reciprocal_no_nan(pixels.total())
    entropy_and_slope = _cross_entropy_of_logits if from_logits else _cross_entropy_of_probabilities

    @tf.custom_gradient
    def loss(prediction: Tensor) -> ValueAndGradient:
        entropy, slope = entropy_and_slope(pixels.labels, prediction)
        value = share * (sum_pixels(entropy) if weight is None else sum_products(weight, entropy))

        return value, lambda upstream: per_image(upstream * share) * (slope if weight is None else weight * slope)

    return loss(pixels.prediction)


def _cross_entropy_of_logits(labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of each pixel in Keras' stable form, and its derivative."""
    tail = tf.exp(-tf.abs(logits))
    entropy = tf.maximum(logits, 0) - logits * labels + tf.math.log1p(tail)
    # eq. 9, times p (1 − p): dL/dz_i = p_i − y_i
    return entropy, tf.where(logits < 0, tail, 1) / (1 + tail) - labels


def _cross_entropy_of_probabilities(labels: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of each pixel by Keras, and its derivative."""
    entropy = keras.ops.binary_crossentropy(labels, probability)
    epsilon = keras.config.epsilon()
    clipped = tf.clip_by_value(probability, epsilon, 1 - epsilon)
    inside = tf.cast(tf.equal(clipped, probability), labels.dtype)
    # eq. 9: dL/dp_i = (1 − y_i) / (1 − p_i) − y_i / p_i
    return entropy, inside * ((1 - labels) / (1 - clipped) - labels / clipped)


def softmax_cross_entropy(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    per_image: bool = False,
    class_weights: Sequence[float] | None = None,
    ignore_label: float | None = None,
    scope: str = "global",
) -> Tensor:
    """Compute the cross-entropy of the pixels that count, averaged over them (lovasz_softmax.md, eq. 1 and 2).

    Gradient: exact; with respect to `y_pred` only. Probabilities are kept `keras.config.epsilon()` away from 0; below
    the gradient is 0.

    Args:
        y_true: [B, H, W] or [B, H, W, 1]: the number of a pixel's class, 0 to C − 1, or `ignore_label`, which is left
            out of the average; or [B, H, W, C]: the share of each class, such as one-hot labels, smoothed or not, which
            add up to 1. The loss is smallest where p = y. The others as in `lovasz_softmax`, but three:
        y_pred: float [B, H, W, C], probabilities in [0, 1], or logits; C of at least 2 must be known.
        class_weights: C numbers, 0 or more, by which the pixels of a class are multiplied (not divided by their sum:
            weights of mean 1 over the pixels keep the size of the loss), or None.
        scope: on several replicas, unless `per_image`: "global" averages over the pixels of all, "replica" over those
            of each by itself.

    Returns:
        The loss, at least 0, as `lovasz_softmax`.

    Raises:
        ValueError, TypeError: as `lovasz_softmax`.
    """
    maps = check_label_maps(
        y_true,
        y_pred,
        from_logits=from_logits,
        per_image=per_image,
        ignore_label=ignore_label,
        soft=True,
        exclusive=True,
    )
    classes = maps.prediction.shape[-1]
    check_per_class(classes, class_weights=class_weights)
    target = maps.labels()
    if class_weights is not None:
        target *= tf.constant(class_weights, target.dtype)
    prediction = maps.only_counted(maps.prediction)
    # of probabilities the same floor and gradient as Keras' own
    floor = keras.config.epsilon()
    logarithm = tf.nn.log_softmax(prediction) if from_logits else tf.math.log(tf.clip_by_value(prediction, floor, 1))
    entropy = -tf.reduce_sum(target * logarithm, axis=(1, 2))
    counted = tf.ones_like(target[..., :1]) if maps.counted is None else tf.cast(maps.counted, target.dtype)
    replicas = Replicas(scope, alone=per_image)
    values = tf.math.divide_no_nan(entropy, replicas.sum(tf.reduce_sum(counted, axis=(1, 2))))
    values *= maps.sound
    return values if per_image else replicas.share(values[0])


@keras_loss(
    "cross_entropy",
    cross_entropy,
    "saliency",
    "likelihood of each pixel",
    f"{ZHAO}, eq. 8",
    when="maps are to be probabilities, or as the part of a sum that learns from every pixel: floss + cross_entropy",
)
class CrossEntropy(PixelLoss):
    """Binary cross-entropy as a Keras loss; arguments as in `cross_entropy`."""


@keras_loss(
    "balanced_cross_entropy",
    balanced_cross_entropy,
    "saliency",
    "likelihood, both classes weighing alike",
    f"{ZHAO}, section 4.4",
    when="the same with objects much smaller, or larger, than the background",
)
class BalancedCrossEntropy(PixelLoss):
    """Class-balanced cross-entropy as a Keras loss; arguments as in `balanced_cross_entropy`."""


@keras_loss(
    "softmax_cross_entropy",
    softmax_cross_entropy,
    "segmentation",
    "likelihood of each pixel's class",
    f"{BERMAN}, eq. 1-2",
    when="a training begins from scratch; the usual part of a sum",
)
class SoftmaxCrossEntropy(LabelMapLoss):
    """Cross-entropy of the softmax as a Keras loss; arguments as in `softmax_cross_entropy`."""
