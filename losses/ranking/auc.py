"""AUC-Loss: 1 − the area under the ROC curve of a batch's ranking (Chen et al., CVPR 2019, eq. 7)."""

import keras
import tensorflow as tf

from ..base import AnchorLoss
from ..checks import check_delta, check_max_positives
from .error_driven import Ranking, ranking_loss


def auc_loss(labels, scores, *, delta=1.0, max_positives=None, one_hot=False):
    """Compute AUC-Loss, the mean over the positives of FP/N (eq. 7), over the whole batch and all classes jointly.

    Gradient: error-driven update (not the derivative of the value; eq. 13); with respect to `scores` only.

    Args:
        labels: bool, integer or float of any shape: 1 positive, 0 negative, −1 ignored.
        scores: float logits of the same shape. Everything is computed in float32.
        delta: half the width of the piecewise step (eq. 14), in units of the logits; above 0.
        max_positives: slots for the positives; None takes a 128th of the entries, within 512 and 8192. With more of
            them the result is the same, at more memory and time.
        one_hot: whether at most one entry of each row of the last axis is positive, as in one-hot labels. XLA then sets
            aside memory for one positive a row. With more positives than rows the result is NaN.

    Returns:
        The loss, a float32 scalar in [0, 1]; 0, without a gradient, where there are no positives or no negatives.

    Raises:
        ValueError: the shapes differ, or a hyperparameter is not one of these.
        TypeError: a dtype is not one of these.
    """

    def errors(ranking: Ranking):
        # eq. 7: ℓ(i) = FP(i) / N
        return tf.math.divide_no_nan(ranking.false_positives, ranking.negatives), ranking.count

    return ranking_loss(labels, scores, errors, delta=delta, max_positives=max_positives, one_hot=one_hot)


@keras.saving.register_keras_serializable(package="metricfit")
class AUCLoss(AnchorLoss):
    """AUC-Loss as a Keras loss: `auc_loss` of the batch.

    Args:
        delta: half the width of the piecewise step, above 0.
        max_positives: slots for the positives, or None.
        reduction: as in `keras.losses.Loss`; a scalar stays as it is.
        name: the loss' name.
    """

    function = staticmethod(auc_loss)

    def __init__(self, *, delta=1.0, max_positives=None, reduction="sum_over_batch_size", name="auc"):
        check_delta(delta)
        check_max_positives(max_positives)
        super().__init__(name=name, reduction=reduction, delta=delta, max_positives=max_positives)
