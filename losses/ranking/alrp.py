"""aLRP: one ranking loss for classes and boxes (Oksuz et al., NeurIPS 2020)."""

import keras
import tensorflow as tf

from ..base import AnchorLoss
from ..checks import check_anchors, check_delta, check_localization, check_max_positives
from .error_driven import Ranking, exclusive_classes, with_positives


def alrp_loss(labels, scores, localization_error, *, delta=1.0, clip_error=False, max_positives=None, one_hot=False):
    """Compute the two parts of aLRP (eq. 11), over the whole batch and all classes jointly; their sum is the loss.

    Gradient: error-driven update (not the derivative of the value; eq. 14) with respect to `scores`, localisation error
    included, scaled by the upstream gradient of the classification part; exact, the ranks held fixed, with respect to
    `localization_error`, scaled by that of the localisation part. So a weight on the localisation part, such as
    self-balancing, scales what the boxes get and nothing else.

    Args:
        labels: bool, integer or float of any shape: 1 positive, 0 negative, −1 ignored.
        scores: float logits of the same shape. Everything is computed in float32.
        localization_error: float of the same shape, or with 1 as its last axis where all classes share a box: the error
            of each box, 0 perfect and 1 barely found (`iou_error`, `giou_error`). Only that of positives is read.
        delta: half the width of the piecewise step, in units of the logits; above 0.
        clip_error: whether errors above 1 count as 1, which bounds the sum of the parts by 1; no gradient beyond.
        max_positives: slots for the positives; None takes a 128th of the entries, within 512 and 8192. With more of
            them the result is the same, at more memory and time.
        one_hot: whether at most one entry of each row of the last axis is positive, as in one-hot labels. XLA then sets
            aside memory for one positive a row. With more positives than rows the result is NaN.

    Returns:
        classification: the mean of FP/rank, a float32 scalar in [0, 1].
        localization: the mean of the localisation errors above each positive and its own, over rank; a float32 scalar.
        Both are 0, without a gradient, where there are no positives.

    Raises:
        ValueError: a shape or a hyperparameter is not one of these.
        TypeError: a dtype is not one of these.
    """
    check_delta(delta)
    check_max_positives(max_positives)
    is_positive, is_negative, flat_scores = check_anchors(labels, scores)
    flat_errors, classes = check_localization("localization_error", localization_error, scores)
    exclusive = exclusive_classes(scores, one_hot)

    def values_and_gradients(positives, scores, errors):
        ranking = Ranking(positives, is_negative, scores, delta)
        boxes = ranking.positions // classes
        error = ranking.only_valid(tf.gather(errors, boxes))
        counted = tf.ones_like(error)
        if clip_error:
            counted = tf.where(error <= 1, counted, 0)
            error = tf.minimum(error, 1)
        above = ranking.over_positives(error)
        classification = ranking.mean(tf.math.divide_no_nan(ranking.false_positives, ranking.rank))
        localization = ranking.mean(tf.math.divide_no_nan(error + above, ranking.rank))
        # eq. 14: (ℓ − ℓ*)(i) = (FP(i) + Σ_k≠i E_k H_ik) / rank(i)
        excess = tf.math.divide_no_nan(ranking.false_positives + above, ranking.rank)
        # eq. 11: dL/dE_k = (1 / rank(k) + Σ_i≠k H_ik / rank(i)) / P
        inverse_rank = tf.math.divide_no_nan(tf.constant(1.0), ranking.rank)
        slope = tf.math.divide_no_nan(inverse_rank + ranking.below_positives(inverse_rank), ranking.count)
        to_errors = tf.scatter_nd(boxes[:, tf.newaxis], ranking.only_valid(slope * counted), tf.shape(errors))
        return classification, localization, ranking.gradient(excess, ranking.count), to_errors

    @tf.custom_gradient
    def loss(scores, errors):
        classification, localization, to_scores, to_errors = with_positives(
            is_positive,
            max_positives,
            lambda positives: values_and_gradients(positives, scores, errors),
            classes=exclusive,
        )

        def gradient(classification_upstream, localization_upstream):
            return classification_upstream * to_scores, localization_upstream * to_errors

        return (classification, localization), gradient

    return loss(flat_scores, flat_errors)


@keras.saving.register_keras_serializable(package="metricfit")
class ALRPLoss(AnchorLoss):
    """aLRP as a Keras loss: the sum of the parts of `alrp_loss`, with `y_true` a dict of labels and localization_error.

    Args:
        delta: half the width of the piecewise step, above 0.
        clip_error: whether localisation errors above 1 count as 1.
        max_positives: slots for the positives, or None.
        reduction: as in `keras.losses.Loss`; a scalar stays as it is.
        name: the loss' name.
    """

    function = staticmethod(alrp_loss)
    needs = "localization_error"

    def __init__(
        self,
        *,
        delta=1.0,
        clip_error=False,
        max_positives=None,
        reduction="sum_over_batch_size",
        name="alrp",
    ):
        check_delta(delta)
        check_max_positives(max_positives)
        super().__init__(
            name=name, reduction=reduction, delta=delta, clip_error=clip_error, max_positives=max_positives
        )
