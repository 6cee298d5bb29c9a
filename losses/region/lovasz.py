"""Convex surrogates of 1 − IoU: Lovász-Softmax and Lovász hinge (Berman et al., CVPR 2018)."""

import keras
import tensorflow as tf

from ..base import LabelMapLoss
from ..checks import check_bins, check_class_weights, check_classes, check_label_maps, check_method
from ..label_maps import class_shares
from .jaccard_extension import jaccard_extension


def lovasz_softmax(
    y_true,
    y_pred,
    *,
    from_logits=False,
    per_image=False,
    classes="present",
    class_weights=None,
    ignore_label=None,
    method="binned",
    bins=4096,
):
    """Compute the Lovász-Softmax loss: the Lovász extension of 1 − IoU, averaged over the classes (eq. 11-13).

    The errors of a class are 1 − p in its foreground and p elsewhere (eq. 11). method="exact" sorts them (Algorithm 1).
    method="binned" counts them in `bins` bins of equal width, and all pixels of a bin weigh alike but for being
    foreground or not: the loss is at most 1 / bins from the exact one, and in practice about the square of that.

    Gradient: exact for method="exact", away from ties; for "binned" exact where no bin holds several errors, else the
    true errors' with the weights of their bins. With respect to `y_pred` only.

    Args:
        y_true: bool, integer or float. For one of C classes each pixel [B, H, W] or [B, H, W, 1]: the number of the
            class; another number is background to all classes. For many labels a pixel [B, H, W, C], and for C = 1: 1
            foreground, anything else background.
        y_pred: float [B, H, W, C], or [B, H, W] for C = 1: probabilities in [0, 1], or logits. C must be known.
        from_logits: whether `y_pred` holds logits. Of a class number the softmax is taken, else the sigmoid.
        per_image: whether each picture has a loss of its own; else the batch is taken as one picture (section 3.1).
        classes: "present", the average over those with foreground; "all", over all of them; or a list of class numbers,
            over those. A class without foreground, where it is not left out, has its largest error as its loss.
        class_weights: C numbers, 0 or more, for the average, or None where all weigh alike.
        ignore_label: the value of `y_true` whose pixels (entries, for many labels) are left out, or None.
        method: "exact" or "binned".
        bins: number of bins. 1024 are enough where every class covers 1 % or more of the pixels.

    Returns:
        The loss in [0, 1], a scalar, or [B] where `per_image`; float32 (float64 for float64 predictions). 0, without a
        gradient, where no class counts or everything is ignored.

    Raises:
        ValueError: a shape or a hyperparameter is not one of these.
        TypeError: a dtype is not one of these.
    """
    maps = check_label_maps(y_true, y_pred, per_image=per_image, ignore_label=ignore_label)
    probability = maps.probability() if from_logits else maps.only_counted(maps.prediction)
    # eq. 11, with the sign of its derivative
    residual = probability - tf.cast(maps.foreground, probability.dtype)
    return _extension(residual, maps, per_image, classes, class_weights, method, bins)


def lovasz_hinge(
    y_true,
    y_pred,
    *,
    from_logits=True,
    per_image=True,
    classes="all",
    class_weights=None,
    ignore_label=None,
    method="binned",
    bins=4096,
):
    """Compute the Lovász hinge: the Lovász extension of 1 − IoU of the hinge errors max(1 − F y, 0) (eq. 10).

    y is 1 in the foreground of a class and −1 elsewhere; for several classes each is taken against the rest, and the
    classes are averaged. For a single pixel it is the standard hinge. method="exact" sorts the errors (Algorithm 1).
    method="binned" counts them in `bins` bins of equal width in log(1 + error), from 0 to a class's largest error e:
    the loss L is at most (r − 1) (1 + L) from the exact one, r = (1 + e)^(1 / bins), in practice about the square.

    Gradient: exact for method="exact", away from ties; for "binned" exact where no bin holds several errors, else the
    true errors' with the weights of their bins. With respect to `y_pred` only.

    Args:
        y_true: bool, integer or float. For C = 1 [B, H, W] or [B, H, W, 1], and for many labels a pixel [B, H, W, C]: 1
            foreground, anything else background. For one of C classes each pixel [B, H, W] or [B, H, W, 1]: the number
            of the class; another number is background to all classes.
        y_pred: float [B, H, W] for C = 1, or [B, H, W, C]: scores F, whose sign is the prediction. C must be known.
        from_logits: whether `y_pred` holds scores; else F = log(p / (1 − p)) is taken of probabilities, which are kept
            `keras.config.epsilon()` away from 0 and 1, with no gradient beyond.
        per_image: whether each picture has a loss of its own; else the batch is taken as one picture (section 3.1).
        classes: "all", the average over all of them; "present", over those with foreground; or a list of class numbers,
            over those. A class without foreground, where it is not left out, has its largest error as its loss.
        class_weights: C numbers, 0 or more, for the average, or None where all weigh alike.
        ignore_label: the value of `y_true` whose pixels (entries, for many labels) are left out, or None.
        method: "exact" or "binned".
        bins: number of bins.

    Returns:
        The loss, at least 0: [B], or a scalar unless `per_image`; float32 (float64 for float64 predictions). 0, without
        a gradient, where no class counts or everything is ignored.

    Raises:
        ValueError: a shape or a hyperparameter is not one of these.
        TypeError: a dtype is not one of these.
    """
    maps = check_label_maps(y_true, y_pred, per_image=per_image, ignore_label=ignore_label)
    score = maps.prediction
    if not from_logits:
        epsilon = keras.config.epsilon()
        probability = tf.clip_by_value(maps.only_counted(score, 0.5), epsilon, 1 - epsilon)
        score = tf.math.log(probability) - tf.math.log1p(-probability)
    # max(1 − F y, 0), with the sign of its derivative
    residual = tf.where(maps.foreground, -tf.nn.relu(1 - score), tf.nn.relu(1 + score))
    residual = maps.only_counted(residual)
    return _extension(residual, maps, per_image, classes, class_weights, method, bins, place=_on_a_log_scale)


def _on_a_log_scale(error):
    """Give log(1 + error) as a share of the largest of the class."""
    height = tf.math.log1p(error)
    return tf.math.divide_no_nan(height, tf.reduce_max(height, axis=1, keepdims=True))


def _extension(residual, maps, per_image, classes, class_weights, method, bins, place=None):
    count = residual.shape[-1]
    check_classes(classes, count)
    check_class_weights(class_weights, count)
    check_method(method)
    check_bins(bins)
    values = jaccard_extension(
        residual,
        maps.foreground,
        maps.counted,
        lambda positives: class_shares(positives, residual.dtype, classes=classes, class_weights=class_weights),
        bins=None if method == "exact" else bins,
        absent=classes != "present",
        place=place,
    )
    return values if per_image else values[0]


@keras.saving.register_keras_serializable(package="metricfit")
class LovaszSoftmax(LabelMapLoss):
    """Lovász-Softmax as a Keras loss: `lovasz_softmax` of the batch, or of each picture, then reduced.

    Args:
        from_logits: whether predictions are logits.
        per_image: whether each picture has a loss of its own.
        classes: "present", "all" or a list of class numbers.
        class_weights: a weight for each class, or None.
        ignore_label: the label whose pixels are left out, or None.
        method: "exact" or "binned".
        bins: number of bins.
        reduction: as in `keras.losses.Loss`, over the pictures.
        name: the loss' name.
    """

    function = staticmethod(lovasz_softmax)

    def __init__(
        self,
        *,
        from_logits=False,
        per_image=False,
        classes="present",
        class_weights=None,
        ignore_label=None,
        method="binned",
        bins=4096,
        reduction="sum_over_batch_size",
        name="lovasz_softmax",
    ):
        check_classes(classes)
        check_class_weights(class_weights)
        check_method(method)
        check_bins(bins)
        super().__init__(
            name=name,
            reduction=reduction,
            from_logits=from_logits,
            per_image=per_image,
            classes=classes if isinstance(classes, str) else list(classes),
            class_weights=class_weights if class_weights is None else [float(weight) for weight in class_weights],
            ignore_label=ignore_label,
            method=method,
            bins=bins,
        )


@keras.saving.register_keras_serializable(package="metricfit")
class LovaszHinge(LovaszSoftmax):
    """The Lovász hinge as a Keras loss: `lovasz_hinge` of each picture, or of the batch, then reduced.

    Arguments as in `LovaszSoftmax`, with other defaults.
    """

    function = staticmethod(lovasz_hinge)

    def __init__(self, *, from_logits=True, per_image=True, classes="all", name="lovasz_hinge", **hyperparameters):
        super().__init__(name=name, from_logits=from_logits, per_image=per_image, classes=classes, **hyperparameters)
