"""Which anchor is to find which object: by thresholds on the IoU, or adaptively (ATSS)."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ...geometry import IGNORED, PADDING
from .anchors import STRIDES, AnchorGrid

# Label of an anchor that finds nothing; one that takes no part in training is labelled `IGNORED`, as boxes are.
BACKGROUND = PADDING

POSITIVE_IOU = 0.5
NEGATIVE_IOU = 0.4
IGNORED_OVERLAP = 0.5
ATSS_LOCATIONS = 9

# Ground truths compared with all anchors at once: enough to be fast, few enough to stay small in memory.
_CHUNK = 8
# The 9 nearest locations lie in so many rows and columns: round a centre all within 2.12 strides of it, and at an edge,
# where rows are missing on one side, in the first rows on the other.
_WINDOW = 5


class Targets(NamedTuple):
    """What each anchor of a batch is to predict; no gradient flows through it."""

    labels: tf.Tensor  # a class, `BACKGROUND` or `IGNORED`, int32 [B, A]
    matched: tf.Tensor  # index of the anchor's ground truth, int32 [B, A]; 0 where it has none
    boxes: tf.Tensor  # that box, float32 [B, A, 4]; the anchor itself where it has none, so that all is finite


def assign_by_iou(boxes: tf.Tensor, classes: tf.Tensor, grid: AnchorGrid) -> Targets:
    """Match anchors by fixed thresholds (Lin et al., ICCV 2017, section 4), with at least one anchor for each object.

    An anchor belongs to the object it overlaps most if their IoU is `POSITIVE_IOU` or more, is background below
    `NEGATIVE_IOU`, and ignored between them or with `IGNORED_OVERLAP` of its area inside an `IGNORED` box. Each object
    also gets its best anchor: of several that want one the largest IoU wins, then the lower index; others choose again.

    Boxes are float [B, M, 4], xyxy in pixels; classes integer [B, M]: a class, `IGNORED` or `PADDING`, in any order.
    """
    boxes, classes = _checked(boxes, classes)
    anchors = tf.constant(grid.boxes())
    best, proposal = _compared(anchors, boxes, classes >= 0)
    nobodys = tf.fill(tf.shape(best.index), -1)
    forced = _forced(anchors, boxes, classes >= 0, nobodys, proposal)
    matched = tf.where(forced >= 0, forced, best.index)
    positive = (forced >= 0) | (best.overlap >= POSITIVE_IOU)
    undecided = (best.overlap >= NEGATIVE_IOU) | _covered(anchors, boxes, classes)
    return _targets(boxes, classes, anchors, matched, positive, undecided)


def assign_by_atss(boxes: tf.Tensor, classes: tf.Tensor, grid: AnchorGrid) -> Targets:
    """Match anchors by adaptive training sample selection (Zhang et al., CVPR 2020, Algorithm 1).

    Candidates are the anchors at the `ATSS_LOCATIONS` locations of each level nearest to an object's centre. Those are
    positive whose IoU is at least the candidates' mean plus standard deviation (with n - 1), and whose centre is
    inside; of several objects the largest IoU wins, then the lower index. An object that this leaves without an anchor,
    as it does thin ones, gets its best of those that are free, in the rounds of `assign_by_iou`. Arguments and
    `IGNORED` boxes as there.
    """
    boxes, classes = _checked(boxes, classes)
    anchors = tf.constant(grid.boxes())
    owner = _atss_owner(boxes, classes, anchors, grid)
    waiting = (classes >= 0) & ~_owns_some(owner, boxes.shape[1])
    owner = _forced(anchors, boxes, waiting, owner)
    return _targets(boxes, classes, anchors, owner, owner >= 0, _covered(anchors, boxes, classes))


def left_out_by_atss(boxes: tf.Tensor, classes: tf.Tensor, grid: AnchorGrid) -> tf.Tensor:
    """Tell which objects get an anchor only because none is to go without, bool [B, M]; see `assign_by_atss`."""
    boxes, classes = _checked(boxes, classes)
    owner = _atss_owner(boxes, classes, tf.constant(grid.boxes()), grid)
    return (classes >= 0) & ~_owns_some(owner, boxes.shape[1])


ASSIGNMENTS = {"iou": assign_by_iou, "atss": assign_by_atss}


class _Best(NamedTuple):
    """The largest IoU and whose it is: of each anchor [B, A], or of each ground truth [B, M]."""

    overlap: tf.Tensor
    index: tf.Tensor


def _checked(boxes: tf.Tensor, classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    boxes, classes = tf.convert_to_tensor(boxes), tf.convert_to_tensor(classes)
    if boxes.shape.rank != 3 or boxes.shape[-1] != 4 or not boxes.shape[1]:
        raise ValueError(f"boxes must have shape [B, M, 4] with a fixed M above 0, got {boxes.shape}")
    if not classes.shape.is_compatible_with(boxes.shape[:2]):
        raise ValueError(f"classes must have shape [B, M] where boxes have {boxes.shape}, got {classes.shape}")
    classes = tf.cast(classes, tf.int32)
    # A box of its own in place of what padding holds keeps every quotient finite.
    padding = tf.constant([0.0, 0.0, 1.0, 1.0])
    return tf.where((classes == PADDING)[..., None], padding, tf.cast(boxes, tf.float32)), classes


def _in_chunks(
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


def _compared(
    anchors: tf.Tensor, boxes: tf.Tensor, used: tf.Tensor, free: tf.Tensor | None = None
) -> tuple[_Best, _Best]:
    """The best of the used boxes for each anchor, and the best of the free anchors for each used box."""
    batch, count, total = tf.shape(boxes)[0], boxes.shape[1], anchors.shape[0]

    def step(start: tf.Tensor, part: tf.Tensor, part_used: tf.Tensor, *best: tf.Tensor) -> tuple[tf.Tensor, ...]:
        overlap, index, box_overlap, box_index = best
        iou = tf.where(part_used, _iou(anchors, part[:, :, None]), -1.0)
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
    overlap, index, box_overlap, box_index = _in_chunks(boxes, used, step, state)
    return _Best(overlap, index), _Best(box_overlap, box_index)


def _atss_owner(boxes: tf.Tensor, classes: tf.Tensor, anchors: tf.Tensor, grid: AnchorGrid) -> tf.Tensor:
    """Index of the object that each anchor finds by the paper's rule, [B, A]; -1 where none."""
    candidates = _nearest(boxes, grid)
    found = tf.gather(anchors, candidates)
    overlap = _iou(found, boxes[:, :, None])
    mean = tf.reduce_mean(overlap, axis=-1, keepdims=True)
    variance = tf.reduce_sum(tf.square(overlap - mean), axis=-1, keepdims=True) / max(candidates.shape[-1] - 1, 1)
    centre = 0.5 * (found[..., :2] + found[..., 2:])
    inside = tf.reduce_all((centre > boxes[:, :, None, :2]) & (centre < boxes[:, :, None, 2:]), axis=-1)
    chosen = inside & (overlap >= mean + tf.sqrt(variance)) & (classes >= 0)[..., None]
    best = _largest(candidates, tf.where(chosen, overlap, -1.0), len(grid))
    return tf.where(best.overlap >= 0, best.index, -1)


def _owns_some(owner: tf.Tensor, count: int) -> tf.Tensor:
    """Whether each of `count` objects is the owner of an anchor, bool [B, M]."""
    batch, total = tf.shape(owner)[0], owner.shape[1]
    rows = tf.broadcast_to(tf.range(batch)[:, None], [batch, total])
    # Anchors of nobody are noted in front of the first object.
    places = tf.stack([rows, owner + 1], axis=-1)
    return tf.scatter_nd(places, tf.ones_like(owner), [batch, count + 1])[:, 1:] > 0


def _forced(
    anchors: tf.Tensor, boxes: tf.Tensor, waiting: tf.Tensor, taken: tf.Tensor, proposal: _Best | None = None
) -> tf.Tensor:
    """Give each waiting object its best free anchor, in rounds of proposals: whose each anchor [B, A] is, -1 nobody's.

    Anchors that are `taken` stay so. The first proposal is computed unless it is known.
    """
    batch, count, total = tf.shape(boxes)[0], boxes.shape[1], anchors.shape[0]
    order = tf.range(count)

    def decided(taken: tf.Tensor, waiting: tf.Tensor, proposal: _Best) -> tuple[tf.Tensor, tf.Tensor]:
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
        return decided(taken, waiting, _compared(anchors, boxes, waiting, taken < 0)[1])

    state = (taken, waiting) if proposal is None else decided(taken, waiting, proposal)
    return tf.while_loop(lambda _, waiting: tf.reduce_any(waiting), another, state)[0]


def _covered(anchors: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Whether an anchor lies on an ignored box, bool [B, A]."""

    def step(start: tf.Tensor, part: tf.Tensor, used: tf.Tensor, covered: tf.Tensor) -> tuple[tf.Tensor]:
        # Implied by an IoU of as much.
        much = _intersection(anchors, part[:, :, None]) >= IGNORED_OVERLAP * _area(anchors)
        return (covered | tf.reduce_any(much & used, axis=1),)

    start = tf.zeros([tf.shape(boxes)[0], anchors.shape[0]], tf.bool)
    return _in_chunks(boxes, classes == IGNORED, step, (start,))[0]


def _nearest(boxes: tf.Tensor, grid: AnchorGrid) -> tf.Tensor:
    """Indices of the anchors at the locations nearest to each box's centre, [B, M, candidates]."""
    centres = 0.5 * (boxes[..., :2] + boxes[..., 2:])[..., None]
    found, before = [], 0
    for side, stride in zip(grid.sides, STRIDES):
        window = min(side, _WINDOW)
        first = tf.cast(tf.floor(centres / stride), tf.int32) - window // 2
        # Columns and rows round a centre, and their squared distances, [B, M, 2, window].
        lines = tf.clip_by_value(first, 0, side - window) + tf.range(window)
        across, down = tf.unstack(tf.square((tf.cast(lines, tf.float32) + 0.5) * stride - centres), axis=2)
        distances = tf.reshape(down[..., :, None] + across[..., None, :], [-1, boxes.shape[1], window * window])
        _, nearest = tf.math.top_k(-distances, min(ATSS_LOCATIONS, side * side))
        column = tf.gather(lines[:, :, 0], nearest % window, batch_dims=2)
        row = tf.gather(lines[:, :, 1], nearest // window, batch_dims=2)
        first = before + (row * side + column) * grid.per_location
        every = first[..., None] + tf.range(grid.per_location)
        found.append(tf.reshape(every, [-1, boxes.shape[1], nearest.shape[-1] * grid.per_location]))
        before += side * side * grid.per_location
    return tf.concat(found, axis=-1)


def _largest(candidates: tf.Tensor, overlap: tf.Tensor, total: int) -> _Best:
    """Of the boxes that have an anchor among their candidates the one with the largest overlap; below 0 for none."""
    batch = tf.shape(candidates)[0]
    segments = tf.reshape(candidates + (tf.range(batch) * total)[:, None, None], [-1])
    flat = tf.reshape(overlap, [-1])
    largest = tf.maximum(tf.math.unsorted_segment_max(flat, segments, batch * total), -1.0)
    box = tf.reshape(tf.broadcast_to(tf.range(candidates.shape[1])[:, None], tf.shape(candidates)), [-1])
    winner = tf.where(flat == tf.gather(largest, segments), box, candidates.shape[1])
    index = tf.minimum(tf.math.unsorted_segment_min(winner, segments, batch * total), candidates.shape[1] - 1)
    return _Best(tf.reshape(largest, [batch, total]), tf.reshape(index, [batch, total]))


def _targets(
    boxes: tf.Tensor, classes: tf.Tensor, anchors: tf.Tensor, matched: tf.Tensor, found: tf.Tensor, ignored: tf.Tensor
) -> Targets:
    matched = tf.where(found, matched, 0)
    labels = tf.where(ignored, IGNORED, BACKGROUND)
    labels = tf.where(found, tf.gather(classes, matched, batch_dims=1), labels)
    boxes = tf.where(found[..., None], tf.gather(boxes, matched, batch_dims=1), anchors)
    return Targets(*(tf.stop_gradient(tensor) for tensor in (labels, matched, boxes)))


def _iou(anchors: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    shared = _intersection(anchors, boxes)
    return shared / (_area(anchors) + _area(boxes) - shared)


def _intersection(anchors: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """Areas that anchors and boxes of shapes [..., 4] that broadcast share."""
    ax0, ay0, ax1, ay1 = tf.unstack(anchors, axis=-1)
    x0, y0, x1, y1 = tf.unstack(boxes, axis=-1)
    width, height = tf.minimum(ax1, x1) - tf.maximum(ax0, x0), tf.minimum(ay1, y1) - tf.maximum(ay0, y0)
    return tf.maximum(width, 0.0) * tf.maximum(height, 0.0)


def _area(boxes: tf.Tensor) -> tf.Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
