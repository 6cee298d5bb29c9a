"""Which anchor is to find which object: by thresholds on the IoU, or adaptively (ATSS)."""

import tensorflow as tf

from .anchors import AnchorGrid
from .matching import Best, Targets, checked, compared, force, on_ignored, overlap_of, owns_some, targets_of

POSITIVE_IOU = 0.5
NEGATIVE_IOU = 0.4
ATSS_LOCATIONS = 9

# The 9 nearest locations lie in so many rows and columns: round a centre all within 2.12 strides of it, and at an edge,
# where rows are missing on one side, in the first rows on the other.
_WINDOW = 5


def assign_by_iou(
    boxes: tf.Tensor,
    classes: tf.Tensor,
    grid: AnchorGrid,
    *,
    positive_iou: float = POSITIVE_IOU,
    negative_iou: float = NEGATIVE_IOU,
) -> Targets:
    """Match anchors by fixed thresholds (Lin et al., ICCV 2017, section 4), with at least one anchor for each object.

    An anchor belongs to the object it overlaps most if their IoU is `positive_iou` or more, is background below
    `negative_iou`, and ignored between them or with `IGNORED_OVERLAP` of its area inside an `IGNORED` box. Each object
    also gets its best anchor: of several that want one the largest IoU wins, then the lower index; others choose again.

    Boxes are float [B, M, 4], xyxy in pixels; classes integer [B, M]: a class, `IGNORED` or `PADDING`, in any order.
    """
    boxes, classes = checked(boxes, classes)
    anchors = tf.constant(grid.boxes())
    best, proposal = compared(anchors, boxes, classes >= 0)
    nobodys = tf.fill(tf.shape(best.index), -1)
    forced = force(anchors, boxes, classes >= 0, nobodys, proposal)
    matched = tf.where(forced >= 0, forced, best.index)
    positive = (forced >= 0) | (best.overlap >= positive_iou)
    undecided = (best.overlap >= negative_iou) | on_ignored(anchors, boxes, classes)
    return targets_of(boxes, classes, anchors, matched, positive, undecided)


def assign_by_atss(boxes: tf.Tensor, classes: tf.Tensor, grid: AnchorGrid) -> Targets:
    """Match anchors by adaptive training sample selection (Zhang et al., CVPR 2020, Algorithm 1).

    Candidates are the anchors at the `ATSS_LOCATIONS` locations of each level nearest to an object's centre. Those are
    positive whose IoU is at least the candidates' mean plus standard deviation (with n - 1), and whose centre is
    inside; of several objects the largest IoU wins, then the lower index. An object that this leaves without an anchor,
    as it does thin ones, gets its best of those that are free, in the rounds of `assign_by_iou`. Arguments and
    `IGNORED` boxes as there.
    """
    boxes, classes = checked(boxes, classes)
    anchors = tf.constant(grid.boxes())
    owner = _atss_owner(boxes, classes, anchors, grid)
    waiting = (classes >= 0) & ~owns_some(owner, boxes.shape[1])
    owner = force(anchors, boxes, waiting, owner)
    return targets_of(boxes, classes, anchors, owner, owner >= 0, on_ignored(anchors, boxes, classes))


def left_out_by_atss(boxes: tf.Tensor, classes: tf.Tensor, grid: AnchorGrid) -> tf.Tensor:
    """Tell which objects get an anchor only because none is to go without, bool [B, M]; see `assign_by_atss`."""
    boxes, classes = checked(boxes, classes)
    owner = _atss_owner(boxes, classes, tf.constant(grid.boxes()), grid)
    return (classes >= 0) & ~owns_some(owner, boxes.shape[1])


ASSIGNMENTS = {"iou": assign_by_iou, "atss": assign_by_atss}


def _atss_owner(boxes: tf.Tensor, classes: tf.Tensor, anchors: tf.Tensor, grid: AnchorGrid) -> tf.Tensor:
    """Index of the object that each anchor finds by the paper's rule, [B, A]; -1 where none."""
    candidates = _nearest(boxes, grid)
    found = tf.gather(anchors, candidates)
    overlap = overlap_of(found, boxes[:, :, None])
    mean = tf.reduce_mean(overlap, axis=-1, keepdims=True)
    variance = tf.reduce_sum(tf.square(overlap - mean), axis=-1, keepdims=True) / max(candidates.shape[-1] - 1, 1)
    centre = 0.5 * (found[..., :2] + found[..., 2:])
    inside = tf.reduce_all((centre > boxes[:, :, None, :2]) & (centre < boxes[:, :, None, 2:]), axis=-1)
    chosen = inside & (overlap >= mean + tf.sqrt(variance)) & (classes >= 0)[..., None]
    best = _largest(candidates, tf.where(chosen, overlap, -1.0), len(grid))
    return tf.where(best.overlap >= 0, best.index, -1)


def _nearest(boxes: tf.Tensor, grid: AnchorGrid) -> tf.Tensor:
    """Indices of the anchors at the locations nearest to each box's centre, [B, M, candidates]."""
    centres = 0.5 * (boxes[..., :2] + boxes[..., 2:])[..., None]
    found, before = [], 0
    for (height, width), strides in zip(grid.shapes, grid.strides):
        # Columns and rows round a centre, and their squared distances.
        columns, across = _lines(centres[:, :, 0], width, strides[1], grid.offset, alone=height == 1)
        rows, down = _lines(centres[:, :, 1], height, strides[0], grid.offset, alone=width == 1)
        wide, places = columns.shape[-1], rows.shape[-1] * columns.shape[-1]
        distances = tf.reshape(down[..., :, None] + across[..., None, :], [-1, boxes.shape[1], places])
        _, nearest = tf.math.top_k(-distances, min(ATSS_LOCATIONS, places))
        column = tf.gather(columns, nearest % wide, batch_dims=2)
        row = tf.gather(rows, nearest // wide, batch_dims=2)
        first = before + (row * width + column) * grid.per_location
        every = first[..., None] + tf.range(grid.per_location)
        found.append(tf.reshape(every, [-1, boxes.shape[1], nearest.shape[-1] * grid.per_location]))
        before += height * width * grid.per_location
    return tf.concat(found, axis=-1)


def _lines(centres: tf.Tensor, side: int, stride: int, offset: float, *, alone: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Give the columns nearest to centres [B, M, 1] on a level of so many, and their squared distances; rows alike.

    Where all locations are in a single row they are spread more widely: those columns are `alone`.
    """
    window = min(side, ATSS_LOCATIONS if alone else _WINDOW)
    first = tf.cast(tf.floor(centres / stride + (0.5 - offset)), tf.int32) - window // 2
    lines = tf.clip_by_value(first, 0, side - window) + tf.range(window)
    return lines, tf.square((tf.cast(lines, tf.float32) + offset) * stride - centres)


def _largest(candidates: tf.Tensor, overlap: tf.Tensor, total: int) -> Best:
    """Of the boxes that have an anchor among their candidates the one with the largest overlap; below 0 for none."""
    batch = tf.shape(candidates)[0]
    segments = tf.reshape(candidates + (tf.range(batch) * total)[:, None, None], [-1])
    flat = tf.reshape(overlap, [-1])
    largest = tf.maximum(tf.math.unsorted_segment_max(flat, segments, batch * total), -1.0)
    box = tf.reshape(tf.broadcast_to(tf.range(candidates.shape[1])[:, None], tf.shape(candidates)), [-1])
    winner = tf.where(flat == tf.gather(largest, segments), box, candidates.shape[1])
    index = tf.minimum(tf.math.unsorted_segment_min(winner, segments, batch * total), candidates.shape[1] - 1)
    return Best(tf.reshape(largest, [batch, total]), tf.reshape(index, [batch, total]))
