"""The overlap of each class as a loss, through three sums: true positives, false positives and negatives.

As in `overlap`, of the pixels of a picture or of the whole batch, averaged over the classes.
"""

from collections.abc import Sequence

import tensorflow as tf

from ..base import LabelMapLoss, keras_loss
from ..checks import check_hyperparameters
from ..label_maps import ClassShares, check_label_maps, class_probability
from ..references import DICE_SEMIMETRIC, JACCARD_METRIC
from ..replicas import Replicas
from ..tensors import Tensor, ValueAndGradient
from .overlap import OverlapSums, ratio_terms, rise_of_common


def jaccard_metric_softmax(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    per_image: bool = False,
    classes: str | Sequence[int] = "present",
    class_weights: Sequence[float] | None = None,
    ignore_label: float | None = None,
    soft_labels: str = "min",
    exclusive: bool | None = None,
    scope: str = "global",
) -> Tensor:
    """Compute the Jaccard metric loss of classes: 1 − TP / (TP + FP + FN) of each, averaged over them.

    The loss is smallest, 0, where p = y, also where a label is a share y. On class numbers both forms are the soft IoU.

    Gradient: exact; with respect to `y_pred` only.

    Args:
        y_true: class numbers [B, H, W], or labels or shares of classes [B, H, W, C]; this and the others as in
            `lovasz_softmax`, but two:
        classes: as there; without foreground, the loss of a class is 1, without a gradient.
        soft_labels: "min", the authors' JML1, with TP = Σ min(p, y), or "dot", their JML2, with TP = Σ p y.

    Returns:
        The loss in [0, 1], as `lovasz_softmax`.

    Raises:
        ValueError, TypeError: as `lovasz_softmax`.
    """
    check_hyperparameters("jaccard_metric_softmax", soft_labels=soft_labels, exclusive=exclusive)
    return _class_overlap(
        y_true,
        y_pred,
        1,
        from_logits=from_logits,
        per_image=per_image,
        classes=classes,
        class_weights=class_weights,
        ignore_label=ignore_label,
        soft_labels=soft_labels,
        exclusive=exclusive,
        scope=scope,
    )


def dice_semimetric_softmax(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    per_image: bool = False,
    classes: str | Sequence[int] = "present",
    class_weights: Sequence[float] | None = None,
    ignore_label: float | None = None,
    soft_labels: str = "min",
    exclusive: bool | None = None,
    scope: str = "global",
) -> Tensor:
    """Compute the Dice semimetric loss of classes: 1 − 2 TP / (2 TP + FP + FN) of each, averaged over them.

    Gradient: exact; with respect to `y_pred` only.

    Args:
        y_true: [B, H, W] or [B, H, W, C]; this and the others as in `jaccard_metric_softmax`, whose forms are here the
            authors' DML1 and DML2.

    Returns:
        The loss in [0, 1], as `lovasz_softmax`.

    Raises:
        ValueError, TypeError: as `lovasz_softmax`.
    """
    check_hyperparameters("dice_semimetric_softmax", soft_labels=soft_labels, exclusive=exclusive)
    return _class_overlap(
        y_true,
        y_pred,
        2,
        from_logits=from_logits,
        per_image=per_image,
        classes=classes,
        class_weights=class_weights,
        ignore_label=ignore_label,
        soft_labels=soft_labels,
        exclusive=exclusive,
        scope=scope,
    )


def _class_overlap(
    y_true: Tensor,
    y_pred: Tensor,
    true_weight: float,
    *,
    from_logits: bool,
    per_image: bool,
    classes: str | Sequence[int],
    class_weights: Sequence[float] | None,
    ignore_label: float | None,
    soft_labels: str,
    exclusive: bool | None,
    scope: str,
) -> Tensor:
    """Average 1 − c TP / (c TP + FP + FN) over the classes of each group, with c the `true_weight`."""
    maps = check_label_maps(
        y_true,
        y_pred,
        from_logits=from_logits,
        per_image=per_image,
        ignore_label=ignore_label,
        soft=True,
        exclusive=exclusive,
    )
    given = class_probability(maps, from_logits, exclusive)
    labels, whole = maps.labels(), maps.shares is None
    shares = ClassShares(given.shape[-1], classes, class_weights)
    replicas = Replicas(scope, alone=per_image)

    @tf.custom_gradient
    def loss(probability: Tensor) -> ValueAndGradient:
        # probabilities may miss 0 and 1 by a little (`ranges.ALMOST`), which is no error of labels 0 and 1
        nearest = probability if from_logits else tf.clip_by_value(probability, 0, 1)
        products = probability * labels
        # differences before sums: of a map that is right nothing is left over
        too_much = probability - products if whole else tf.nn.relu(nearest - labels)
        too_little = labels - products if whole else tf.nn.relu(labels - nearest)
        shared = products if whole or soft_labels == "dot" else tf.minimum(nearest, labels)
        sums = tf.stack([tf.reduce_sum(part, axis=1) for part in (shared, too_much, too_little, labels)])
        true_positives, false_positives, false_negatives, positives = tf.unstack(replicas.sum(sums))
        of_class = OverlapSums(true_positives, false_positives, false_negatives, positives)
        value, by_true, by_false_positives, by_false_negatives = ratio_terms(of_class, true_weight, 1, 1)
        share = shares.of(positives, value.dtype)

        def gradient(upstream: Tensor) -> Tensor:
            # dL/dp_i = dL/dFP (1 − s_i) − dL/dFN s_i + dL/dTP y_i, with s_i for y_i in the form "min"
            upstream = upstream[:, tf.newaxis] * share
            slope_all, slope_common, slope_true = (
                (upstream * by)[:, tf.newaxis]
                for by in (by_false_positives, by_false_positives + by_false_negatives, by_true)
            )
            if whole:
                return slope_all - (slope_common - slope_true) * labels
            rising = rise_of_common(nearest, labels)
            return slope_all - slope_common * rising + slope_true * (labels if soft_labels == "dot" else rising)

        return tf.reduce_sum(share * value, axis=-1), gradient

    values = loss(given) * maps.sound
    return values if per_image else replicas.divide(values[0])


@keras_loss(
    "jaccard_metric_softmax",
    jaccard_metric_softmax,
    "segmentation",
    "IoU of each class, of soft labels too",
    JACCARD_METRIC,
    when="IoU counts and labels are shares, such as a teacher's or smoothed ones",
)
class JaccardMetricSoftmax(LabelMapLoss):
    """The Jaccard metric loss of classes as a Keras loss; arguments as in `jaccard_metric_softmax`."""


@keras_loss(
    "dice_semimetric_softmax",
    dice_semimetric_softmax,
    "segmentation",
    "Dice overlap of each class, of soft labels too",
    DICE_SEMIMETRIC,
    when="Dice counts, as of medical pictures",
)
class DiceSemimetricSoftmax(LabelMapLoss):
    """The Dice semimetric loss of classes as a Keras loss; arguments as in `dice_semimetric_softmax`."""
