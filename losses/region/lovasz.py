"""Convex surrogates of 1 − IoU: Lovász-Softmax and Lovász hinge (Berman et al., CVPR 2018)."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from ..base import LabelMapLoss, keras_loss
from ..checks import check_hyperparameters
from ..label_maps import ClassShares, check_label_maps, class_probability
from ..references import BERMAN
from ..replicas import Replicas
from ..tensors import Tensor
from .jaccard_extension import jaccard_extension


def lovasz_softmax(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = False,
    per_image: bool = False,
    classes: str | Sequence[int] = "present",
    class_weights: Sequence[float] | None = None,
    ignore_label: float | None = None,
    method: str = "binned",
    bins: int = 4096,
    exclusive: bool | None = None,
    scope: str = "global",
) -> Tensor:
    """Compute the Lovász-Softmax loss: the Lovász extension of 1 − IoU, averaged over the classes (eq. 11-13).

    The errors of a class are 1 − p in its foreground and p elsewhere (eq. 11), |y − p| where a label is a share y: the
    loss is smallest, 0, where p = y. method="exact" sorts them (Algorithm 1).
    method="binned" counts them in `bins` bins of equal width, and all pixels of a bin weigh alike but for being
    foreground or not: the loss is at most 1 / bins from the exact one, and in practice about the square of that.

    Gradient: exact for method="exact", away from ties; for "binned" exact where no bin holds several errors, else the
    true errors' with the weights of their bins. With respect to `y_pred` only.

    Args:
        y_true: bool, integer or float: the number of each pixel's class, 0 to C − 1, [B, H, W] or [B, H, W, 1]; or, for
            many labels a pixel, [B, H, W, C], and for C = 1: 1 foreground, 0 not, where bytes may be as in `floss`, or
            floats between; or shares of the classes, see `exclusive`.
        y_pred: float [B, H, W, C], or [B, H, W] for C = 1: probabilities in [0, 1], or logits. C must be known.
        from_logits: whether `y_pred` holds logits. Of a class number the softmax is taken, else the sigmoid.
        per_image: whether each picture has a loss of its own; else the batch is taken as one picture (section 3.1).
        classes: "present", those with foreground, "all", or a list of class numbers: which are averaged. Without
            foreground, the loss of a class is its largest error.
        class_weights: C numbers, 0 or more, for the average, or None where all weigh alike.
        ignore_label: the value of `y_true` whose pixels (entries, for many labels) are left out, or None.
        method: "exact" or "binned".
        bins: number of bins. 1024 are enough where every class covers 1 % or more of the pixels.
        exclusive: whether [B, H, W, C] of `y_true` holds the shares of one class a pixel, such as smoothed one-hot
            labels, which add up to 1: of logits the softmax is taken. None is False, and warns. With class numbers
            it is True by itself.
        scope: on several replicas, unless `per_image`: "global" takes the batches of all as one picture, "replica" each
            by itself (`Replicas`).

    Returns:
        The loss in [0, 1], a scalar, or [B] where `per_image`; float32 (float64 for float64 predictions). 0, without a
        gradient, where no class counts or everything is ignored.

    Raises:
        ValueError, TypeError: as `floss`.
    """
    check_hyperparameters("lovasz_softmax", exclusive=exclusive)
    maps = check_label_maps(
        y_true,
        y_pred,
        from_logits=from_logits,
        per_image=per_image,
        ignore_label=ignore_label,
        soft=True,
        exclusive=exclusive,
    )
    # eq. 11, with the sign of its derivative
    residual = class_probability(maps, from_logits, exclusive) - maps.labels()
    shares = ClassShares(residual.shape[-1], classes, class_weights)
    replicas = Replicas(scope, alone=per_image)
    values = jaccard_extension(residual, maps, shares, method, bins, tf.identity, replicas)
    values *= maps.sound
    return values if per_image else replicas.share(values[0])


def lovasz_hinge(
    y_true: Tensor,
    y_pred: Tensor,
    *,
    from_logits: bool = True,
    per_image: bool = True,
    classes: str | Sequence[int] = "all",
    class_weights: Sequence[float] | None = None,
    ignore_label: float | None = None,
    method: str = "binned",
    bins: int = 4096,
    scope: str = "global",
) -> Tensor:
    """Compute the Lovász hinge: the Lovász extension of 1 − IoU of the hinge errors max(1 − F y, 0) (eq. 10).

    y is 1 in the foreground of a class and −1 elsewhere; for several classes each is taken against the rest, and the
    classes are averaged. For a single pixel it is the standard hinge. method="exact" sorts the errors (Algorithm 1).
    method="binned" counts them in `bins` bins of equal width in log(1 + error), from 0 to a class's largest error e:
    the loss L is at most (r − 1) (1 + L) from the exact one, r = (1 + e)^(1 / bins), in practice about the square.

    Gradient: as of `lovasz_softmax`.

    Args:
        y_true: [B, H, W], [B, H, W, 1] or [B, H, W, C], without shares between 0 and 1: a hinge has two sides. This and
            the others as in `lovasz_softmax`, except for two:
        y_pred: float [B, H, W] for C = 1, or [B, H, W, C]: scores F, whose sign is the prediction. C must be known.
        from_logits: whether `y_pred` holds scores; else F = log(p / (1 − p)) is taken of probabilities, which are kept
            `keras.config.epsilon()` away from 0 and 1, with no gradient beyond.

    Returns:
        The loss, at least 0, as `lovasz_softmax`.

    Raises:
        ValueError, TypeError: as `lovasz_softmax`.
    """
    maps = check_label_maps(y_true, y_pred, from_logits=from_logits, per_image=per_image, ignore_label=ignore_label)
    score = maps.prediction
    if not from_logits:
        epsilon = keras.config.epsilon()
        probability = tf.clip_by_value(maps.only_counted(score, 0.5), epsilon, 1 - epsilon)
        score = tf.math.log(probability) - tf.math.log1p(-probability)
    # max(1 − F y, 0), with the sign of its derivative
    residual = tf.where(maps.foreground, -tf.nn.relu(1 - score), tf.nn.relu(1 + score))
    residual = maps.only_counted(residual)
    shares = ClassShares(residual.shape[-1], classes, class_weights)
    replicas = Replicas(scope, alone=per_image)

    def on_a_log_scale(error: Tensor) -> Tensor:
        # log(1 + error) as a share of the largest of the class
        height = tf.math.log1p(error)
        return tf.math.divide_no_nan(height, replicas.largest(tf.reduce_max(height, axis=1, keepdims=True)))

    values = jaccard_extension(residual, maps, shares, method, bins, on_a_log_scale, replicas)
    values *= maps.sound
    return values if per_image else replicas.share(values[0])


@keras_loss(
    "lovasz_softmax",
    lovasz_softmax,
    "segmentation",
    "IoU averaged over the classes, of the batch",
    f"{BERMAN}, eq. 8-13",
    when="mean IoU counts: for fine-tuning, or added: softmax_cross_entropy + lovasz_softmax",
)
class LovaszSoftmax(LabelMapLoss):
    """Lovász-Softmax as a Keras loss; arguments as in `lovasz_softmax`."""


@keras_loss(
    "lovasz_hinge",
    lovasz_hinge,
    "segmentation",
    "IoU of each picture, by scores; serves saliency too",
    f"{BERMAN}, eq. 10",
    when="each class is a yes or no of its own, or IoU of each picture counts",
    also={"saliency": "IoU counts, sharp in each picture; better after some epochs of another"},
)
class LovaszHinge(LabelMapLoss):
    """The Lovász hinge as a Keras loss; arguments as in `lovasz_hinge`."""
