"""Losses of an image that depend on its pixels through three sums: true positives, predicted and labelled positives."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ..pixels import Pixels, is_there, per_image, sum_pixels, sum_products
from ..tensors import Tensor, ValueAndGradient


class OverlapSums(NamedTuple):
    """Weighted sums over the pixels of each image, all [B]."""

    true_positives: Tensor  # Σ w p y
    predicted: Tensor  # Σ w p, the true and false positives
    positives: Tensor  # Σ w y, the true positives and false negatives
    total: Tensor  # Σ w


class Terms(NamedTuple):
    """A loss and its gradient with respect to the probabilities p, w (slope_all − slope_positive y); all [B]."""

    loss: Tensor
    slope_all: Tensor  # ∂loss/∂predicted
    slope_positive: Tensor  # −∂loss/∂true_positives


def overlap_loss(pixels: Pixels, terms: Callable[[OverlapSums], Terms], *, from_logits: bool) -> Tensor:
    """Compute a loss of the overlap sums of each image, [B]: 0, without a gradient, where the total weight is 0."""

    @tf.custom_gradient
    def loss(prediction: Tensor) -> ValueAndGradient:
        probability = tf.sigmoid(prediction) if from_logits else prediction
        labels, weighted = pixels.labels, pixels.weigh(probability)
        positives = sum_pixels(pixels.weigh(labels))
        sums = OverlapSums(sum_products(weighted, labels), sum_pixels(weighted), positives, pixels.total())
        value, slope_all, slope_positive = terms(sums)
        anything = tf.where(is_there(sums.total), pixels.sound, 0)

        def gradient(upstream: Tensor) -> Tensor:
            upstream = upstream * anything
            # dL/dp_i = w_i (slope_all − slope_positive y_i)
            slope = per_image(upstream * slope_all) - per_image(upstream * slope_positive) * labels
            slope = pixels.weigh(slope)
            # dp/dz = p (1 − p)
            return tf.raw_ops.SigmoidGrad(y=probability, dy=slope) if from_logits else slope

        return value * anything, gradient

    return loss(pixels.prediction)


def choose_where_empty(sums: OverlapSums, terms: Terms, loss: Tensor, slope_all: Tensor) -> Terms:
    """Take `loss` and `slope_all`, each [B] or a number, in place of `terms` where an image's mask is empty."""
    labelled = is_there(sums.positives)
    return Terms(
        tf.where(labelled, terms.loss, loss),
        tf.where(labelled, terms.slope_all, slope_all),
        tf.where(labelled, terms.slope_positive, 0),
    )


def suppress_where_empty(sums: OverlapSums, terms: Terms) -> Terms:
    """Take the mean prediction, Σ w p / Σ w with the slope 1 / Σ w, in place of `terms` where a mask is empty."""
    mean = tf.math.divide_no_nan(sums.predicted, sums.total)
    return choose_where_empty(sums, terms, mean, tf.math.reciprocal_no_nan(sums.total))
