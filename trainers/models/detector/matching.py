"""What every rule of assignment needs: which object each anchor overlaps, and an anchor for each that has none."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ...geometry import IGNORED, PADDING

# Label of an anchor that finds nothing; one that takes no part in training is labelled `IGNORED`, as boxes are.
BACKGROUND = PADDING

IGNORED_OVERLAP = 0.5

# Ground truths compared with all anchors at once: enough to be fast, few enough to stay small in memory.
_CHUNK = 8

Closeness = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Targets(NamedTuple):
    """What each anchor of a batch is to predict; no gradient flows through it."""

    labels: tf.Tensor  # a class, `BACKGROUND` or `IGNORED`, int32 [B, A]
    matched: tf.Tensor  # index of the anchor's ground truth, int32 [B, A]; 0 where it has none
    boxes: tf.Tensor  # that box, float32 [B, A, 4]; the anchor itself where it has none, so that all is finite


class Best(NamedTuple):
    """The largest IoU and whose it is: of each anchor [B, A], or of each ground truth [B, M]."""

    overlap: tf.Tensor
    index: tf.Tensor


def checked(boxes: tf.Tensor, classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Refuse other shapes than boxes [B, M, 4] and classes [B, M]; padding gets a box of a pixel, all are float32."""
    boxes, classes = tf.convert_to_tensor(boxes), tf.convert_to_tensor(classes)
    if boxes.shape.rank != 3 or boxes.shape[-1] != 4 or not boxes.shape[1]:
        raise ValueError(f"boxes must have shape [B, M, 4] with a fixed M above 0, got {boxes.shape}")
    if not classes.shape.is_compatible_with(boxes.shape[:2]):
        raise ValueError(f"classes must have shape [B, M] where boxes have {boxes.shape}, got {classes.shape}")
    classes = tf.cast(classes, tf.int32)
    # A box of its own in place of what padding holds keeps every quotient finite.
    padding = tf.constant([0.0, 0.0, 1.0, 1.0])
    return tf.where((classes == PADDING)[..., None], padding, tf.cast(boxes, tf.float32)), classes


def compared(
    anchors: tf.Tensor,
    boxes: tf.Tensor,
    used: tf.Tensor,
    free: tf.Tensor | None = None,
    closeness: Closeness | None = None,
) -> tuple[Best, Best]:
    """The best of the used boxes for each anchor, and the best of the free anchors for each used box; see `force`."""
    batch, count, total = tf.shape(boxes)[0], boxes.shape[1], anchors.shape[0]

    def step(start: tf.Tensor, part: tf.Tensor, part_used: tf.Tensor, *best: tf.Tensor) -> tuple[tf.Tensor, ...]:
        overlap, index, box_overlap, box_index = best
        iou = tf.where(part_used, (closeness or overlap_of)(anchors, part[:, :, None]), -1.0)
        larger = tf.reduce_max(iou, axis=1)
        index = tf.where(larger > overlap, start + tf.argmax(iou, axis=1, output_type=tf.int32), index)
        if free is not None:
            iou = tf.where(free[:, None], iou, -1.0)
        place = tf.range(count) - start
        within, place = (place >= 0) & (place < part.shape[1]), tf.clip_by_value(place, 0, part.shape[1] - 1)
        box_overlap = tf.where(within, tf.gather(tf.reduce_max(iou, axis=2), place, axis=1), box_overlap)
        found = tf.argmax(iou, axis=2, output_type=tf.int32)
        box_index = tf.where(within, tf.gather(found, place, axis=1), box_index)
        return tf.maximum(larger, overlap), index, box_overlap, box_index

    none, nobody = tf.fill([batch, total], -1.0), tf.zeros([batch, total], tf.int32)
    state = (none, nobody, tf.fill([batch, count], -1.0), tf.zeros([batch, count], tf.int32))
    overlap, index, box_overlap, box_index = in_chunks(boxes, used, step, state)
    return Best(overlap, index), Best(box_overlap, box_index)


def owns_some(owner: tf.Tensor, count: int) -> tf.Tensor:
    """Whether each of `count` objects is the owner of an anchor, bool [B, M]."""
    batch, total = tf.shape(owner)[0], owner.shape[1]
    rows = tf.broadcast_to(tf.range(batch)[:, None], [batch, total])
    # Anchors of nobody are noted in front of the first object.
    places = tf.stack([rows, owner + 1], axis=-1)
    return tf.scatter_nd(places, tf.ones_like(owner), [batch, count + 1])[:, 1:] > 0


def force(
    anchors: tf.Tensor,
    boxes: tf.Tensor,
    waiting: tf.Tensor,
    taken: tf.Tensor,
    proposal: Best | None = None,
    closeness: Closeness | None = None,
) -> tf.Tensor:
    """Give each waiting object its best free anchor, in rounds of proposals: whose each anchor [B, A] is, -1 nobody's.

    Anchors that are `taken` stay so. The first proposal is computed unless it is known. The best is by IoU, or by a
    function of anchors [A, 4] and boxes [B, M, 1, 4] to [B, M, A], above 0 where an object may have an anchor.
    """
    batch, count, total = tf.shape(boxes)[0], boxes.shape[1], anchors.shape[0]
    order = tf.range(count)

    def decided(taken: tf.Tensor, waiting: tf.Tensor, proposal: Best) -> tuple[tf.Tensor, tf.Tensor]:
        overlap, index = proposal
        waiting &= overlap > 0
        mine, other = overlap[:, :, None], overlap[:, None]
        beaten = (other > mine) | ((other == mine) & (order < order[:, None]))
        beaten &= waiting[:, None] & (index[:, None] == index[:, :, None])
        lost = tf.reduce_any(beaten, axis=2)
        # Who takes nothing writes to a place behind the last anchor.
        target = tf.where(waiting & ~lost, index, total)
        rows = tf.broadcast_to(tf.range(batch)[:, None], tf.shape(target))
        places, takers = tf.stack([rows, target], axis=-1), tf.broadcast_to(order, tf.shape(target))
        taken = tf.tensor_scatter_nd_max(tf.pad(taken, [[0, 0], [0, 1]]), places, takers)[:, :-1]
        return taken, waiting & lost

    def another(taken: tf.Tensor, waiting: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return decided(taken, waiting, compared(anchors, boxes, waiting, taken < 0, closeness)[1])

    state = (taken, waiting) if proposal is None else decided(taken, waiting, proposal)
    return tf.while_loop(lambda _, waiting: tf.reduce_any(waiting), another, state)[0]


def on_ignored(anchors: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Whether an anchor lies on an ignored box, bool [B, A]."""

    def step(start: tf.Tensor, part: tf.Tensor, used: tf.Tensor, covered: tf.Tensor) -> tuple[tf.Tensor]:
        # Implied by an IoU of as much.
        much = intersection(anchors, part[:, :, None]) >= IGNORED_OVERLAP * area(anchors)
        return (covered | tf.reduce_any(much & used, axis=1),)

    start = tf.zeros([tf.shape(boxes)[0], anchors.shape[0]], tf.bool)
    return in_chunks(boxes, classes == IGNORED, step, (start,))[0]


def targets_of(
    boxes: tf.Tensor, classes: tf.Tensor, anchors: tf.Tensor, matched: tf.Tensor, found: tf.Tensor, ignored: tf.Tensor
) -> Targets:
    """Make the targets of anchors that found the box `matched`, or are ignored, or background."""
    matched = tf.where(found, matched, 0)
    labels = tf.where(ignored, IGNORED, BACKGROUND)
    labels = tf.where(found, tf.gather(classes, matched, batch_dims=1), labels)
    boxes = tf.where(found[..., None], tf.gather(boxes, matched, batch_dims=1), anchors)
    return Targets(*(tf.stop_gradient(tensor) for tensor in (labels, matched, boxes)))


def overlap_of(anchors: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """IoU of anchors and boxes of shapes [..., 4] that broadcast."""
    shared = intersection(anchors, boxes)
    return shared / (area(anchors) + area(boxes) - shared)


def covered(each: tf.Tensor, every: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Whether boxes [..., R, 1, 4] lie on an ignored one of [B, 1, M, 4], of classes [B, M]: bool [B, R]."""
    much = intersection(each, every) >= IGNORED_OVERLAP * area(each)
    return tf.reduce_any(much & (classes == IGNORED)[:, None], axis=2)


def in_chunks(
    boxes: tf.Tensor, used: tf.Tensor, step: Callable[..., tuple[tf.Tensor, ...]], state: tuple[tf.Tensor, ...]
) -> tuple[tf.Tensor, ...]:
    """Run `step(start, boxes [B, chunk, 4], used [B, chunk, 1], *state)` up to the last box that is used."""
    count = boxes.shape[1]
    chunk = min(_CHUNK, count)
    padding = -count % chunk
    boxes = tf.pad(boxes, [[0, 0], [0, padding], [0, 0]], constant_values=1.0)
    used = tf.pad(used, [[0, 0], [0, padding]])
    last = tf.reduce_max(tf.where(used, tf.range(1, count + padding + 1), 0))

    def body(start: tf.Tensor, *state: tf.Tensor) -> tuple[tf.Tensor, ...]:
        part = tf.slice(boxes, [0, start, 0], [-1, chunk, 4]), tf.slice(used, [0, start], [-1, chunk])
        return (start + chunk, *step(start, part[0], part[1][..., None], *state))

    return tf.while_loop(lambda start, *_: start < last, body, (0, *state))[1:]


def intersection(anchors: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """Areas that anchors and boxes of shapes [..., 4] that broadcast share."""
    ax0, ay0, ax1, ay1 = tf.unstack(anchors, axis=-1)
    x0, y0, x1, y1 = tf.unstack(boxes, axis=-1)
    width, height = tf.minimum(ax1, x1) - tf.maximum(ax0, x0), tf.minimum(ay1, y1) - tf.maximum(ay0, y0)
    return tf.maximum(width, 0.0) * tf.maximum(height, 0.0)


def area(boxes: tf.Tensor) -> tf.Tensor:
    """Areas of boxes [..., 4]."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
