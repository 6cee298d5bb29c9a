"""From a detector's raw outputs to boxes, of operations that TFLite has as built-ins only."""

import numpy as np
import tensorflow as tf

from ...calibration.curves import Calibration
from ...calibration.in_graph import calibrated, table
from ...geometry import InputSize
from ...text import counted
from .coding import DELTAS, BoxCoder
from .suppressing import NO_SCORE, logits_of, thinned_out
from .suppression import CANDIDATES, USUAL, Suppression


def detections(
    logits: tf.Tensor,
    codes: tf.Tensor,
    references: tf.Tensor,
    size: InputSize,
    *,
    coder: BoxCoder = DELTAS,
    suppression: Suppression = USUAL,
    candidates: int = CANDIDATES,
    score_threshold: float = 0.0,
    calibration: Calibration | np.ndarray | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Choose the detections of each picture: the best candidates of all classes, then what the suppression leaves.

    Logits are [B, A, C] with static A and C; codes [B, A, 4] are those of the coder, by references [A, 4], or [B, A, 4]
    where each picture has its own, xyxy in pixels of an input of this size. Boxes wholly outside and scores up to
    the threshold, in [0, 1), are left out. The order is that of the logits, so scores that saturate at 1 stay in order.
    With a calibration, or its `table`, all of this goes by the network's own logits; the scores of those chosen are
    calibrated then, and fall.

    Gives boxes float32 [B, K, 4], xyxy in pixels, clipped to the input; scores float32 [B, K] in [0, 1], falling;
    classes int32 [B, K]; and int32 [B], how many are detections: behind them boxes and scores are 0, classes -1.
    """
    logits, codes, references = (tf.convert_to_tensor(part, tf.float32) for part in (logits, codes, references))
    batch, anchor_count, class_count = logits.shape
    if anchor_count is None or class_count is None:
        raise ValueError(f"logits must have shape [B, A, C] with static A and C, got {logits.shape}")
    if not 0 <= score_threshold < 1:
        raise ValueError(f"score_threshold must be in [0, 1), got {score_threshold}")
    candidates, most = min(candidates, anchor_count * class_count), suppression.most
    numbers = table(calibration) if isinstance(calibration, Calibration) else calibration
    if numbers is not None and len(numbers) != class_count:
        raise ValueError(f"got {counted(len(numbers), 'calibration curve')} for {class_count} classes")

    each_its_own = references.shape.rank == 3  # as those of a second stage

    def one_picture(outputs: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        flat_logits, flat_codes, *own = outputs
        starts = own[0] if own else references
        best, index = tf.math.top_k(tf.reshape(flat_logits, [-1]), candidates)
        anchor, label = index // class_count, index % class_count
        boxes = coder.decode(tf.gather(flat_codes, anchor), tf.gather(starts, anchor), size)
        kept, scores, count = thinned_out(boxes, best, label, size, suppression, score_threshold)
        there = tf.range(most) < count
        if numbers is not None:
            # The curves were fitted to scores, whose log-odds near 1 are not as exact as logits.
            surest = calibrated(logits_of(scores), tf.gather(label, kept), numbers)
            order = tf.math.top_k(tf.where(there, surest, NO_SCORE), most).indices
            kept, surest = tf.gather(kept, order), tf.where(there, tf.gather(surest, order), NO_SCORE)
            # Sigmoids of several widths of registers differ in the last bit: sorted, they fall.
            scores = tf.math.top_k(tf.sigmoid(surest), most).values
        weight = tf.cast(there, tf.float32)
        return (
            tf.gather(boxes, kept) * weight[:, None],
            scores * weight,
            tf.where(there, tf.gather(label, kept), -1),
            count,
        )

    of_pictures = (logits, codes, references) if each_its_own else (logits, codes)
    if batch == 1:
        boxes, scores, classes, count = one_picture(tuple(part[0] for part in of_pictures))
        return boxes[None], scores[None], classes[None], count[None]
    kinds = (tf.float32, tf.float32, tf.int32, tf.int32)
    boxes, scores, classes, count = tf.map_fn(one_picture, of_pictures, fn_output_signature=kinds)
    return (
        tf.ensure_shape(boxes, [batch, most, 4]),
        *(tf.ensure_shape(each, [batch, most]) for each in (scores, classes)),
        tf.ensure_shape(count, [batch]),
    )
