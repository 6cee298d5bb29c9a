"""Cross-entropy of the softmax, plain or weighted by class: what Lovász-Softmax is compared and combined with."""

import keras
import tensorflow as tf

from ..base import LabelMapLoss
from ..checks import check_class_weights, check_label_maps


def softmax_cross_entropy(y_true, y_pred, *, from_logits=False, per_image=False, class_weights=None, ignore_label=None):
    """Compute the cross-entropy of the pixels that count, averaged over them (lovasz_softmax.md, eq. 1 and 2).

    Gradient: exact; with respect to `y_pred` only. Probabilities are kept `keras.config.epsilon()` away from 0; below
    the gradient is 0.

    Args:
        y_true: bool, integer or float [B, H, W] or [B, H, W, 1]: the number of a pixel's class. Another number than
            0 to C − 1 has a loss of 0; name it as `ignore_label` to take it out of the average too.
        y_pred: float [B, H, W, C], probabilities in [0, 1], or logits; C of at least 2 must be known.
        from_logits: whether `y_pred` holds logits.
        per_image: whether each picture has a loss of its own; else the pixels of the batch count alike.
        class_weights: C numbers, 0 or more, by which the pixels of a class are multiplied (not divided by their sum:
            weights of mean 1 over the pixels keep the size of the loss), or None.
        ignore_label: the value of `y_true` whose pixels are left out, or None.

    Returns:
        The loss, at least 0: a scalar, or [B] where `per_image`; float32 (float64 for float64 predictions). 0, without
        a gradient, where everything is ignored.

    Raises:
        ValueError: a shape or a hyperparameter is not one of these.
        TypeError: a dtype is not one of these.
    """
    maps = check_label_maps(y_true, y_pred, per_image=per_image, ignore_label=ignore_label)
    if not maps.exclusive:
        raise ValueError("softmax_cross_entropy takes class numbers of at least 2 classes: take cross_entropy for one")
    classes = maps.prediction.shape[-1]
    check_class_weights(class_weights, classes)
    target = tf.cast(maps.foreground, maps.prediction.dtype)
    if class_weights is not None:
        target *= tf.constant(class_weights, target.dtype)
    prediction = maps.only_counted(maps.prediction)
    if from_logits:
        log_probability = tf.nn.log_softmax(prediction)
    else:
        # the same floor and gradient as Keras' own
        log_probability = tf.math.log(tf.clip_by_value(prediction, keras.config.epsilon(), 1))
    entropy = -tf.reduce_sum(target * log_probability, axis=(1, 2))
    counted = tf.ones_like(target[..., :1]) if maps.counted is None else tf.cast(maps.counted, target.dtype)
    values = tf.math.divide_no_nan(entropy, tf.reduce_sum(counted, axis=(1, 2)))
    return values if per_image else values[0]


@keras.saving.register_keras_serializable(package="metricfit")
class SoftmaxCrossEntropy(LabelMapLoss):
    """Cross-entropy of the softmax as a Keras loss: `softmax_cross_entropy` of the batch, or of each picture.

    Args:
        from_logits: whether predictions are logits.
        per_image: whether each picture has a loss of its own.
        class_weights: a weight for each class, or None.
        ignore_label: the label whose pixels are left out, or None.
        reduction: as in `keras.losses.Loss`, over the pictures.
        name: the loss' name.
    """

    function = staticmethod(softmax_cross_entropy)

    def __init__(
        self,
        *,
        from_logits=False,
        per_image=False,
        class_weights=None,
        ignore_label=None,
        reduction="sum_over_batch_size",
        name="softmax_cross_entropy",
    ):
        check_class_weights(class_weights)
        super().__init__(
            name=name,
            reduction=reduction,
            from_logits=from_logits,
            per_image=per_image,
            class_weights=class_weights if class_weights is None else [float(weight) for weight in class_weights],
            ignore_label=ignore_label,
        )
