"""Losses of an image that depend on its pixels through three sums: true positives, false positives and negatives.

Of labels 0 and 1 these are Σ p y, Σ p (1 − y) and Σ (1 − p) y (Zhao et al., eq. 3). Where a label is a share y, as of
annotators who disagree, no error at all has to be p = y, so only what is too much or too little is wrong:
FP = Σ max(p − y, 0), FN = Σ max(y − p, 0). Of labels 0 and 1 that is the same, value and gradient.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ..pixels import Pixels, is_there, per_image, sum_pixels, sum_products
from ..tensors import Tensor, ValueAndGradient, choose


class OverlapSums(NamedTuple):
    """Weighted sums over the pixels of each image, all [B]."""

    true_positives: Tensor  # Σ w p y, of the form "min" Σ w min(p, y)
    false_positives: Tensor
    false_negatives: Tensor
    total: Tensor  # Σ w

    @property
    def labelled(self) -> Tensor:
        """Whether an image has any foreground, bool [B]."""
        return is_there(self.true_positives + self.false_negatives)


class Terms(NamedTuple):
    """A loss and its derivatives with respect to the sums, all [B]."""

    loss: Tensor
    by_true_positives: Tensor
    by_false_positives: Tensor
    by_false_negatives: Tensor


def overlap_loss(
    pixels: Pixels, terms: Callable[[OverlapSums], Terms], *, soft_labels: str, from_logits: bool
) -> Tensor:
    """Compute a loss of the overlap sums of each image, [B]: 0, without a gradient, where the total weight is 0.

    `soft_labels` says what the sums are of labels between 0 and 1: "dot" or "min", in which p = y is no error, or
    "paper", the products.
    """
    shares = holds_shares(pixels, soft_labels)
    labels = pixels.labels

    @tf.custom_gradient
    def loss(prediction: Tensor) -> ValueAndGradient:
        probability = tf.sigmoid(prediction) if from_logits else prediction
        # probabilities may miss 0 and 1 by a little (`ranges.ALMOST`), which is no error of labels 0 and 1
        nearest = probability if from_logits else tf.clip_by_value(probability, 0, 1)
        total = pixels.total()
        weighted = pixels.weigh(probability)

        def of_products() -> OverlapSums:
            products, positives = sum_products(weighted, labels), sum_pixels(pixels.weigh(labels))
            return OverlapSums(products, sum_pixels(weighted) - products, positives - products, total)

        def of_shares() -> OverlapSums:
            if soft_labels == "min":
                true_positives = sum_pixels(pixels.weigh(tf.minimum(nearest, labels)))
            else:
                true_positives = sum_products(weighted, labels)
            return OverlapSums(true_positives, *false_sums(pixels, nearest), total)

        sums = choose(shares, of_shares, of_products)
        value, by_true, by_false_positives, by_false_negatives = terms(sums)
        anything = tf.where(is_there(total), pixels.sound, 0)

        def gradient(upstream: Tensor) -> Tensor:
            # dL/dp_i = w_i (dL/dFP (1 − s_i) − dL/dFN s_i + dL/dTP y_i), with s_i for y_i in the form "min"
            upstream = upstream * anything
            slope_all = per_image(upstream * by_false_positives)
            slope_common = per_image(upstream * (by_false_positives + by_false_negatives))
            slope_true = per_image(upstream * by_true)

            def of_products() -> Tensor:
                return slope_all - (slope_common - slope_true) * labels

            def of_shares() -> Tensor:
                rising = rise_of_common(nearest, labels)
                if soft_labels == "min":
                    return slope_all - (slope_common - slope_true) * rising
                return slope_all - slope_common * rising + slope_true * labels

            slope = pixels.weigh(choose(shares, of_shares, of_products))
            # dp/dz = p (1 − p)
            return tf.raw_ops.SigmoidGrad(y=probability, dy=slope) if from_logits else slope

        return value * anything, gradient

    return loss(pixels.prediction)


def holds_shares(pixels: Pixels, soft_labels: str) -> bool | Tensor:
    """Tell whether the form of soft labels matters: a bool where that is known, else a scalar to be computed."""
    return soft_labels != "paper" and pixels.hold_shares()


def false_sums(pixels: Pixels, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Sum what is too much and what is too little in each image: Σ w max(p − y, 0), Σ w max(y − p, 0), [B] both."""
    apart = probability - pixels.labels
    # max(−x, 0) without a comparison, which XLA takes longer for
    too_little = sum_pixels(pixels.weigh(tf.abs(apart) - apart)) / 2
    return too_little + sum_pixels(pixels.weigh(apart)), too_little


def rise_of_common(probability: Tensor, labels: Tensor) -> Tensor:
    """Give the derivative s of min(p, y) by p: 1 below y, 0 above, and y where p = y, which keeps eq. 7 of 0 and 1."""
    # by the sign: XLA, on the CPU, takes longer for two comparisons
    return tf.where(tf.equal(probability, labels), labels, 0.5 + 0.5 * tf.sign(labels - probability))


def ratio_terms(
    sums: OverlapSums, true_weight: float, false_positive_weight: float, false_negative_weight: float
) -> Terms:
    """Take 1 − c TP / S with S = c TP + a FP + b FN; an image without foreground gives 1, without a gradient."""
    wrong = false_positive_weight * sums.false_positives + false_negative_weight * sums.false_negatives
    right = true_weight * sums.true_positives
    whole = right + wrong
    loss = tf.where(is_there(whole), tf.math.divide_no_nan(wrong, whole), 1)
    # quotient rule: dL/dTP = −c L / S, dL/dFP = a (1 − L) / S, dL/dFN = b (1 − L) / S
    slope = tf.math.divide_no_nan(tf.math.divide_no_nan(right, whole), whole)
    by_true_positives = -true_weight * tf.math.divide_no_nan(loss, whole)
    return Terms(loss, by_true_positives, false_positive_weight * slope, false_negative_weight * slope)


def choose_where_empty(sums: OverlapSums, terms: Terms, loss: Tensor, by_false_positives: Tensor) -> Terms:
    """Take `loss` and its slope, each [B] or a number, in place of `terms` where an image's mask is empty."""
    labelled = sums.labelled
    return Terms(
        tf.where(labelled, terms.loss, loss),
        tf.where(labelled, terms.by_true_positives, 0),
        tf.where(labelled, terms.by_false_positives, by_false_positives),
        tf.where(labelled, terms.by_false_negatives, 0),
    )


def suppress_where_empty(sums: OverlapSums, terms: Terms) -> Terms:
    """Take the mean prediction, Σ w p / Σ w with the slope 1 / Σ w, in place of `terms` where a mask is empty."""
    mean = tf.math.divide_no_nan(sums.false_positives, sums.total)
    return choose_where_empty(sums, terms, mean, tf.math.reciprocal_no_nan(sums.total))
