"""Boxes thinned out in TensorFlow, of operations that TFLite has as built-ins only; see `suppression`."""

import math

import tensorflow as tf

from ...calibration.curves import ROOM, SMALLEST
from ...geometry import InputSize, height_width
from .suppression import Suppression

NO_SCORE = -3.4e38


def thinned_out(
    boxes: tf.Tensor,
    logits: tf.Tensor,
    labels: tf.Tensor,
    size: InputSize,
    suppression: Suppression,
    threshold: float = 0.0,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Choose among the boxes of one picture, surest first.

    Args:
        boxes: float32 [N, 4], xyxy in pixels, within an input of this size; those without extent are left out.
        logits: float32 [N] in falling order, by which boxes come first; scores that saturate at 1 stay in order.
        labels: int32 [N], the classes.
        suppression: the rule.
        threshold: scores that do not exceed this, in [0, 1), after the suppression where it changes them, are left out.

    Returns:
        The places of the boxes that stay, int32 [K], and their scores, float32 [K], falling, where K is
        `most` of the rule; and how many they are, int32 []. What stands behind these means nothing.
    """
    apart = boxes
    if suppression.per_class:
        # Boxes of different classes are moved apart, so that one call suppresses within each class.
        apart = boxes + (tf.cast(labels, tf.float32) * (max(height_width(size)) + 1.0))[:, None]
    # Boxes beyond the edge are clipped to nothing, and TFLite would find the first such one again and again.
    seen = tf.reduce_min(apart[:, 2:] - apart[:, :2], axis=1) > 0
    if suppression.is_hard:
        found = tf.raw_ops.NonMaxSuppressionV5(
            boxes=apart,
            scores=tf.where(seen, logits, NO_SCORE),
            max_output_size=suppression.most,
            iou_threshold=suppression.iou,
            score_threshold=math.log(threshold / (1 - threshold)) if threshold else NO_SCORE,
            soft_nms_sigma=0.0,
            pad_to_max_output_size=True,
        )
        kept = found.selected_indices
        return kept, tf.sigmoid(tf.gather(logits, kept)), found.valid_outputs
    return _lowered(apart, tf.where(seen, tf.sigmoid(logits), 0.0), suppression, threshold)


def logits_of(scores: tf.Tensor) -> tf.Tensor:
    """Give the logits of scores from 0 to 1, finite also at the ends, as `curves.log_odds` does."""
    return tf.math.log(tf.maximum(scores, SMALLEST)) - tf.math.log(tf.maximum(1.0 - scores, ROOM))


def _lowered(
    boxes: tf.Tensor, scores: tf.Tensor, suppression: Suppression, threshold: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Take the surest box and lower the scores of what overlaps it, as many times as boxes may stay.

    TensorFlow's operator, and TFLite's, have the Gaussian as well, but take others of equal scores, such as of 1.
    """
    x0, y0, x1, y1 = tf.unstack(boxes, axis=1)
    areas = (x1 - x0) * (y1 - y0)
    most = suppression.most
    places, ranks = tf.range(tf.shape(scores)[0]), tf.range(most)

    def next_one(
        rank: tf.Tensor, scores: tf.Tensor, kept: tf.Tensor, kept_scores: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        place, score = tf.argmax(scores, output_type=tf.int32), tf.reduce_max(scores)
        box, here = tf.gather(boxes, place), ranks == rank
        width = tf.maximum(tf.minimum(x1, box[2]) - tf.maximum(x0, box[0]), 0.0)
        height = tf.maximum(tf.minimum(y1, box[3]) - tf.maximum(y0, box[1]), 0.0)
        both = width * height
        iou = both / tf.maximum(tf.gather(areas, place) + areas - both, 1e-9)
        if suppression.sigma is not None:
            left = tf.exp(-tf.square(iou) / suppression.sigma)
        else:
            left = tf.where(iou > suppression.iou, 1.0 - iou, 1.0)
        scores = tf.where(places == place, -1.0, scores * left)
        return rank + 1, scores, tf.where(here, place, kept), tf.where(here, score, kept_scores)

    begin = (0, scores, tf.zeros_like(ranks), tf.zeros(most))
    _, _, kept, kept_scores = tf.while_loop(lambda rank, *_: rank < most, next_one, begin)
    return kept, kept_scores, tf.reduce_sum(tf.cast(kept_scores > threshold, tf.int32))
