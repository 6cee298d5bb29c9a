"""What each anchor of the first stage, and each region of the second, is to find."""

import tensorflow as tf

from ....geometry import InputSize
from ..anchors import AnchorGrid
from ..assignment import assign_by_iou
from ..matching import Targets, checked, covered, overlap_of, targets_of
from .proposals import is_region, outside

ANCHOR_IOU = (0.7, 0.3)
"""IoU from which on an anchor is to find an object, and below which none (Ren et al., section 3.1.2)."""
REGION_IOU = 0.5
"""IoU from which on a region is of an object, and below which of none (Girshick, Fast R-CNN, section 2.3)."""


def assign_anchors(boxes: tf.Tensor, classes: tf.Tensor, grid: AnchorGrid) -> Targets:
    """Match anchors with objects of any class, whose label is 0; arguments as of `assign_by_iou`."""
    classes = tf.convert_to_tensor(classes)
    positive, negative = ANCHOR_IOU
    return assign_by_iou(boxes, tf.minimum(classes, 0), grid, positive_iou=positive, negative_iou=negative)


def objects_as_regions(boxes: tf.Tensor, classes: tf.Tensor, size: InputSize) -> tf.Tensor:
    """Give the objects' own boxes [B, M, 4] as proposals, so that the second stage has some to learn from.

    What is no object, by its class, becomes what stands for no region.
    """
    return tf.where((classes >= 0)[..., None], tf.cast(boxes, tf.float32), outside(size))


def assign_regions(boxes: tf.Tensor, classes: tf.Tensor, regions: tf.Tensor) -> Targets:
    """Match regions [B, R, 4] with objects: each with the one it overlaps most, if by `REGION_IOU` or more.

    Others are background, or ignored with `IGNORED_OVERLAP` of their area inside an `IGNORED` box, as what stands for
    no region is. Boxes and classes as of `assign_by_iou`.
    """
    boxes, classes = checked(boxes, classes)
    each, every = regions[:, :, None], boxes[:, None]
    overlap = tf.where((classes >= 0)[:, None], overlap_of(each, every), -1.0)
    there, best = is_region(regions), tf.argmax(overlap, axis=2, output_type=tf.int32)
    ignored = covered(each, every, classes) | ~there
    return targets_of(boxes, classes, regions, best, there & (tf.reduce_max(overlap, axis=2) >= REGION_IOU), ignored)
