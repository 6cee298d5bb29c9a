"""From a detector's raw outputs to boxes, of operations that TFLite has as built-ins only."""

import math

import numpy as np
import tensorflow as tf

from ...calibration.curves import Calibration
from ...calibration.in_graph import calibrated, table
from ...text import counted
from .suppressing import NO_SCORE, logits_of, thinned_out
from .suppression import CANDIDATES, USUAL, Suppression

VARIANCES = (0.1, 0.1, 0.2, 0.2)  # a network's deltas are (dx, dy, dw, dh) divided by these
# Bound of |dw| and |dh|: no box is more than 62.5 times larger or smaller than its anchor.
LARGEST_LOG_RATIO = math.log(1000 / 16)


def encode_boxes(boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
    """Describe boxes by anchors, both xyxy in pixels, as deltas [..., 4] (Girshick et al., CVPR 2014, appendix C)."""
    x, y, width, height = _centres(boxes)
    anchor_x, anchor_y, anchor_width, anchor_height = _centres(anchors)
    deltas = (
        (x - anchor_x) / anchor_width,
        (y - anchor_y) / anchor_height,
        tf.math.log(width / anchor_width),
        tf.math.log(height / anchor_height),
    )
    return tf.stack([delta / variance for delta, variance in zip(deltas, VARIANCES)], axis=-1)


def decode_boxes(deltas: tf.Tensor, anchors: tf.Tensor, size: int | None = None) -> tf.Tensor:
    """Undo `encode_boxes`, and clip to a square input of so many pixels if told; finite for all finite deltas."""
    dx, dy, *log_ratios = (delta * variance for delta, variance in zip(tf.unstack(deltas, axis=-1), VARIANCES))
    dw, dh = (tf.clip_by_value(ratio, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO) for ratio in log_ratios)
    anchor_x, anchor_y, anchor_width, anchor_height = _centres(anchors)
    x, y = anchor_x + dx * anchor_width, anchor_y + dy * anchor_height
    half_width = 0.5 * anchor_width * tf.exp(dw)
    half_height = 0.5 * anchor_height * tf.exp(dh)
    boxes = tf.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=-1)
    return boxes if size is None else tf.minimum(tf.maximum(boxes, 0.0), float(size))


def detections(
    logits: tf.Tensor,
    deltas: tf.Tensor,
    anchors: tf.Tensor,
    size: int,
    *,
    suppression: Suppression = USUAL,
    candidates: int = CANDIDATES,
    score_threshold: float = 0.0,
    calibration: Calibration | np.ndarray | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Choose the detections of each picture: the best candidates of all classes, then what the suppression leaves.

    Logits are [B, A, C] with static A and C, deltas [B, A, 4] (see `encode_boxes`), anchors [A, 4], xyxy in pixels of a
    square input of this size. Boxes wholly outside and scores up to the threshold, in [0, 1), are left out. The order
    is that of the logits, so scores that saturate at 1 stay in order. With a calibration, or its `table`, all of this
    goes by the network's own logits; the logits of those chosen are calibrated then, and their scores fall.

    Gives boxes float32 [B, K, 4], xyxy in pixels, clipped to the input; scores float32 [B, K] in [0, 1], falling;
    classes int32 [B, K]; and int32 [B], how many are detections: behind them boxes and scores are 0, classes -1.
    """
    logits, deltas, anchors = (tf.convert_to_tensor(tensor, tf.float32) for tensor in (logits, deltas, anchors))
    batch, anchor_count, class_count = logits.shape
    if anchor_count is None or class_count is None:
        raise ValueError(f"logits must have shape [B, A, C] with static A and C, got {logits.shape}")
    if not 0 <= score_threshold < 1:
        raise ValueError(f"score_threshold must be in [0, 1), got {score_threshold}")
    candidates, most = min(candidates, anchor_count * class_count), suppression.max_detections
    numbers = table(calibration) if isinstance(calibration, Calibration) else calibration
    if numbers is not None and len(numbers) != class_count:
        raise ValueError(f"got {counted(len(numbers), 'calibration curve')} for {class_count} classes")

    def one_picture(outputs: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        flat_logits, flat_deltas = outputs
        best, index = tf.math.top_k(tf.reshape(flat_logits, [-1]), candidates)
        anchor, label = index // class_count, index % class_count
        boxes = decode_boxes(tf.gather(flat_deltas, anchor), tf.gather(anchors, anchor), size)
        kept, scores, count = thinned_out(boxes, best, label, size, suppression, score_threshold)
        there = tf.range(most) < count
        if numbers is not None:
            surest = tf.gather(best, kept) if suppression.is_hard else logits_of(scores)
            surest = calibrated(surest, tf.gather(label, kept), numbers)
            order = tf.math.top_k(tf.where(there, surest, NO_SCORE), most).indices
            kept, scores = tf.gather(kept, order), tf.sigmoid(tf.gather(surest, order))
        weight = tf.cast(there, tf.float32)
        return (
            tf.gather(boxes, kept) * weight[:, None],
            scores * weight,
            tf.where(there, tf.gather(label, kept), -1),
            count,
        )

    if batch == 1:
        boxes, scores, classes, count = one_picture((logits[0], deltas[0]))
        return boxes[None], scores[None], classes[None], count[None]
    kinds = (tf.float32, tf.float32, tf.int32, tf.int32)
    boxes, scores, classes, count = tf.map_fn(one_picture, (logits, deltas), fn_output_signature=kinds)
    return (
        tf.ensure_shape(boxes, [batch, most, 4]),
        *(tf.ensure_shape(each, [batch, most]) for each in (scores, classes)),
        tf.ensure_shape(count, [batch]),
    )


def _centres(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Centre x, centre y, width and height of xyxy boxes."""
    x0, y0, x1, y1 = tf.unstack(boxes, axis=-1)
    return 0.5 * (x0 + x1), 0.5 * (y0 + y1), x1 - x0, y1 - y0
