"""From a detector's raw outputs and the objects to the two parts of its loss."""

import tensorflow as tf

from .... import losses
from ....losses.base import AnchorLoss
from ....losses.boxes import aligned_giou, aligned_iou, giou_error, iou_error, smooth_l1
from ....losses.pixelwise.anchor_cross_entropy import AnchorCrossEntropy
from ....losses.replicas import Replicas
from ...geometry import IGNORED
from .coding import DELTAS, BoxCoder
from .matching import Targets

BOX_LOSSES = ("smooth_l1", "l1", "giou", "iou")
OVERLAPS = ("giou", "iou")
"""Those by which boxes can be ranked."""


def losses_of(
    loss: str | AnchorLoss, box_loss: str | None = None, whole: str | None = "a detector"
) -> tuple[AnchorLoss, str]:
    """Give the loss of the scores and the name of that of the boxes, one of `BOX_LOSSES`; None takes the usual one.

    ValueError where a detector cannot be trained by them; `whole` names one that draws no sample of what it looks at.
    """
    loss = losses.get(loss) if isinstance(loss, str) else loss
    if not isinstance(loss, AnchorLoss) or not loss.trains_alone:
        raise ValueError(f"a detector needs a loss over anchors such as alrp, ap or focal, got {loss!r}")
    if isinstance(loss, AnchorCrossEntropy) and whole:
        raise ValueError(
            f"loss {loss.name} is the mean over a sample, which {whole} does not draw, and nearly all that it looks at "
            "is background: take focal or cross_entropy_ohem"
        )
    box_loss = box_loss or loss.usual_box_loss
    choices = OVERLAPS if loss.needs == "localization_error" else BOX_LOSSES
    if box_loss not in choices:
        raise ValueError(f"box_loss of loss {loss.name} must be one of {', '.join(choices)}, got {box_loss}")
    return loss, box_loss


def class_labels(targets: Targets, class_count: int) -> tf.Tensor:
    """Labels of all pairs of anchor and class: 1 positive, 0 negative, -1 ignored, int8 [B, A, C]."""
    hot = tf.one_hot(targets.labels, class_count, on_value=1, off_value=0, dtype=tf.int8)
    return tf.where((targets.labels == IGNORED)[..., None], tf.constant(-1, tf.int8), hot)


def box_quality(targets: Targets, codes: tf.Tensor, references: tf.Tensor, coder: BoxCoder = DELTAS) -> tf.Tensor:
    """Compute the IoU of the box of each anchor with its object, float32 [B, A], as a fact: without a gradient."""
    return tf.stop_gradient(aligned_iou(coder.decode(tf.cast(codes, tf.float32), references), targets.boxes))


def correlation_part(
    correlation: AnchorLoss,
    targets: Targets,
    logits: tf.Tensor,
    codes: tf.Tensor,
    references: tf.Tensor,
    coder: BoxCoder = DELTAS,
) -> tf.Tensor:
    """Compute what a correlation loss adds to a detector's loss; arguments as in `detector_loss`."""
    labels, quality = class_labels(targets, logits.shape[-1]), box_quality(targets, codes, references, coder)
    return correlation.parts(labels, tf.cast(logits, tf.float32), quality[..., None], one_hot=True)[0]


def detector_loss(
    loss: AnchorLoss,
    box_loss: str,
    targets: Targets,
    logits: tf.Tensor,
    codes: tf.Tensor,
    references: tf.Tensor,
    coder: BoxCoder = DELTAS,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Compute a detector's loss in float32: classification, of logits [B, A, C], and localisation, of codes [B, A, 4].

    Codes are those of the coder, by references [A, 4] or [B, A, 4]. A loss that localises itself (aLRP) ranks the box
    loss. Otherwise "smooth_l1" or "l1" (sum of four codes), "iou" or "giou" (1 - IoU, 1 - GIoU) is averaged over the
    batch's positives, 0 without any. Gradients reach their own input only. On several replicas both are equal shares,
    of a batch as wide as the loss' `scope` says.
    """
    logits, codes = tf.cast(logits, tf.float32), tf.cast(codes, tf.float32)
    labels = class_labels(targets, logits.shape[-1])
    decoded = coder.decode(codes, references)
    if loss.needs == "localization_error":
        if box_loss == "giou":
            error = giou_error(aligned_giou(decoded, targets.boxes))
        else:
            error = iou_error(aligned_iou(decoded, targets.boxes))
        return loss.parts(labels, logits, error[..., None], one_hot=True)
    quality = None
    if loss.needs == "localization_quality":
        quality = box_quality(targets, codes, references, coder)[..., None]
    classification, localization = loss.parts(labels, logits, quality, one_hot=True)
    if localization is None:
        positive = tf.cast(targets.labels >= 0, tf.float32)
        if box_loss == "l1":
            distances = tf.reduce_sum(tf.abs(coder.encode(targets.boxes, references) - codes), axis=-1)
        elif box_loss == "smooth_l1":
            distances = smooth_l1(coder.encode(targets.boxes, references), codes)
        else:
            distances = 1.0 - (aligned_giou if box_loss == "giou" else aligned_iou)(decoded, targets.boxes)
        replicas = Replicas(loss.hyperparameters.get("scope", "global"))
        positives = replicas.sum(tf.reduce_sum(positive))
        localization = replicas.share(tf.math.divide_no_nan(tf.reduce_sum(distances * positive), positives))
    return classification, localization
