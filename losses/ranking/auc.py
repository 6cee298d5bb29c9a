"""AUC-Loss: 1 − the area under the ROC curve of a batch's ranking (Chen et al., CVPR 2019, eq. 7)."""

import tensorflow as tf

from ..base import AnchorLoss, keras_loss
from ..references import CHEN
from ..tensors import Tensor
from .error_driven import Ranking, ranking_loss


def auc_loss(
    labels: Tensor, scores: Tensor, *, delta: float = 1.0, max_positives: int | None = None, one_hot: bool = False
) -> Tensor:
    """Compute AUC-Loss, the mean over the positives of FP/N (eq. 7), over the whole batch and all classes jointly.

    Gradient: error-driven update (not the derivative of the value; eq. 13); with respect to `scores` only.

    Args:
        labels: 1 positive, 0 negative, −1 ignored, of any shape; this and the others as in `ap_loss`.

    Returns:
        The loss, a float32 scalar in [0, 1]; 0, without a gradient, where there are no positives or no negatives.

    Raises:
        ValueError, TypeError: as `ap_loss`.
    """

    def errors(ranking: Ranking) -> tuple[Tensor, Tensor]:
        # eq. 7: ℓ(i) = FP(i) / N
        return tf.math.divide_no_nan(ranking.false_positives, ranking.negatives), ranking.count

    return ranking_loss(labels, scores, errors, delta=delta, max_positives=max_positives, one_hot=one_hot)


@keras_loss("auc", auc_loss, "detection", "area under the ROC curve of the batch", f"{CHEN}, eq. 7")
class AUCLoss(AnchorLoss):
    """AUC-Loss as a Keras loss; arguments as in `auc_loss`."""
