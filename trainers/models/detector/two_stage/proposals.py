"""Regions where an object may be, as many for every picture: the surest boxes of the first stage, without doubles."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from ....geometry import InputSize, height_width
from ..anchors import AnchorGrid
from ..coding import DELTAS
from ..matching import overlap_of
from ..suppressing import NO_SCORE

CANDIDATES_PER_PROPOSAL = 4
"""Boxes of the highest scores that enter the suppression, for each proposal that is to come out."""
PROPOSAL_IOU = 0.7
"""Of two that overlap more, the one with the lower score goes (Ren et al., section 3.3)."""
AT_ONCE = 1024
"""Boxes of a picture that are held against all others at once: 8000, all at once, would take gigabytes."""


class Ranked(NamedTuple):
    """Boxes of a batch in falling order of their scores, [B, k]."""

    scores: tf.Tensor
    boxes: tf.Tensor  # [B, k, 4], xyxy in pixels
    seen: tf.Tensor  # bool, whether any of a box is in the picture


class Proposed(NamedTuple):
    """Regions of a batch in falling order of their scores; behind the last stands `outside`, of `NO_SCORE`."""

    boxes: tf.Tensor  # [B, count, 4], xyxy in pixels
    scores: tf.Tensor  # [B, count]


def candidate_count(proposals: int, anchors: int) -> int:
    """Count the boxes that enter the suppression."""
    return min(CANDIDATES_PER_PROPOSAL * proposals, anchors)


def outside(size: InputSize) -> tf.Tensor:
    """Give the region that stands for none: far outside of an input, float32 [4]."""
    side = float(max(height_width(size)))
    return tf.constant([-2 * side, -2 * side, -side, -side])


def is_region(regions: tf.Tensor) -> tf.Tensor:
    """Tell regions [..., 4] from what stands for none, bool [...]."""
    return regions[..., 2] > 0


def ranked_proposals(objectness: tf.Tensor, codes: tf.Tensor, grid: AnchorGrid, count: int) -> Ranked:
    """Take the boxes of the `count` surest anchors, by logits [B, N, 1] and codes [B, N, 4] of all of them."""
    best, index = tf.math.top_k(objectness[..., 0], count)
    anchors = tf.gather(tf.constant(grid.boxes()), index)
    boxes = DELTAS.decode(tf.gather(codes, index, batch_dims=1), anchors, grid.size)
    return Ranked(best, boxes, has_area(boxes))


def has_area(boxes: tf.Tensor) -> tf.Tensor:
    """Tell which boxes [..., 4] reach into the picture, to whose edges they are clipped: bool [...]."""
    return tf.reduce_min(boxes[..., 2:] - boxes[..., :2], axis=-1) > 0


def proposed(candidates: Ranked, count: int, size: InputSize) -> Proposed:
    """Choose proposals by greedy suppression.

    Of static shapes throughout, so that XLA compiles it. No gradient flows through it.
    """
    keep = greedy_suppression(candidates.boxes, candidates.seen, PROPOSAL_IOU)
    # Those kept come first, in their order.
    places = tf.range(keep.shape[1])
    _, index = tf.math.top_k(tf.where(keep, keep.shape[1] - places, -places), min(count, keep.shape[1]))
    boxes, scores, kept = (tf.gather(part, index, batch_dims=1) for part in (candidates.boxes, candidates.scores, keep))
    chosen, surest = tf.where(kept[..., None], boxes, outside(size)), tf.where(kept, scores, NO_SCORE)
    missing = count - chosen.shape[1]
    if missing > 0:
        chosen = tf.concat([chosen, tf.zeros_like(boxes[:, :1]) + tf.tile(outside(size)[None], [missing, 1])], axis=1)
        surest = tf.pad(surest, [[0, 0], [0, missing]], constant_values=NO_SCORE)
    return Proposed(tf.stop_gradient(chosen), tf.stop_gradient(surest))


def proposed_by_operator(candidates: Ranked, count: int, size: InputSize) -> Proposed:
    """Do what `proposed` does by the operator that TFLite has for it, which XLA has not."""

    def one_picture(given: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
        scores, boxes, seen = given
        # TFLite finds a box without an area again and again.
        kept, _, number = tf.raw_ops.NonMaxSuppressionV5(
            boxes=boxes,
            scores=tf.where(seen, scores, NO_SCORE),
            max_output_size=count,
            iou_threshold=PROPOSAL_IOU,
            score_threshold=NO_SCORE,
            soft_nms_sigma=0.0,
            pad_to_max_output_size=True,
        )
        there = tf.range(count) < number
        chosen = tf.where(there[:, None], tf.gather(boxes, kept), outside(size))
        return chosen, tf.where(there, tf.gather(scores, kept), NO_SCORE)

    batch = candidates.scores.shape[0]
    if batch == 1:
        chosen, surest = one_picture(tuple(part[0] for part in candidates))
        return Proposed(chosen[None], surest[None])
    specs = tf.TensorSpec((count, 4), tf.float32), tf.TensorSpec((count,), tf.float32)
    chosen, surest = tf.map_fn(one_picture, tuple(candidates), fn_output_signature=specs)
    return Proposed(tf.ensure_shape(chosen, [batch, count, 4]), tf.ensure_shape(surest, [batch, count]))


def greedy_suppression(boxes: tf.Tensor, candidates: tf.Tensor, iou_threshold: float) -> tf.Tensor:
    """Tell which boxes [B, k, 4], in falling order of their scores, stay: bool [B, k].

    One after another, a candidate (bool [B, k]) stays unless a box that stayed overlaps it by more than the threshold.
    All are decided at once, again and again, by what stayed the time before: the first n are right after n rounds, and
    where nothing changes all are. Few rounds are enough, as chains of boxes that hide each other are short.
    """
    count = boxes.shape[1]
    hidden = _overlapped_before(boxes, iou_threshold)

    def decide(keep: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        decided = candidates & ~tf.reduce_any(hidden & keep[:, None], axis=2)
        return decided, tf.reduce_any(decided != keep)

    return tf.while_loop(lambda _, changed: changed, decide, (candidates, True), maximum_iterations=count)[0]


def _overlapped_before(boxes: tf.Tensor, iou_threshold: float) -> tf.Tensor:
    """Tell which boxes [B, k, 4] those before them overlap by more than a threshold: bool [B, k, k]."""
    count = boxes.shape[1]

    def of_rows(places: tf.Tensor) -> tf.Tensor:
        some = tf.gather(boxes, places, axis=1)
        return (overlap_of(some[:, :, None], boxes[:, None]) > iou_threshold) & (places[:, None] > tf.range(count))

    if count <= AT_ONCE:
        return of_rows(tf.range(count))
    blocks = -(-count // AT_ONCE)
    places = tf.reshape(tf.minimum(tf.range(blocks * AT_ONCE), count - 1), [blocks, AT_ONCE])
    told = tf.TensorSpec((boxes.shape[0], AT_ONCE, count), tf.bool)
    found = tf.map_fn(of_rows, places, fn_output_signature=told, parallel_iterations=1)
    return tf.reshape(tf.transpose(found, [1, 0, 2, 3]), [-1, blocks * AT_ONCE, count])[:, :count]


class Proposals(keras.layers.Layer):
    """From the first stage's logits [B, N, 1] and codes [B, N, 4] to `count` proposals, float32 [B, count, 4]."""

    def __init__(self, grid: AnchorGrid, count: int, **more: Any) -> None:
        super().__init__(dtype="float32", **more)
        self.grid, self.count = grid, count

    def call(self, objectness: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """Propose regions."""
        count = candidate_count(self.count, len(self.grid))
        return proposed(ranked_proposals(objectness, codes, self.grid, count), self.count, self.grid.size).boxes

    def compute_output_shape(self, objectness_shape: Any, codes_shape: Any) -> tuple[int | None, ...]:
        """Give the shape of the proposals."""
        return (codes_shape[0], self.count, 4)
