"""Which place is to find which object: those near its middle, on the levels of its scale."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ....geometry import IGNORED, height_width
from ..matching import Targets, area, checked, force, in_chunks, owns_some, targets_of
from .places import PlaceGrid

SHRINK = 0.4
"""Of width and height of an object so much, round its middle, is the fovea, whose places find it."""


def assign_by_fovea(boxes: tf.Tensor, classes: tf.Tensor, grid: PlaceGrid) -> Targets:
    """Match places by the foveas of objects (Kong et al., FoveaBox, IEEE TIP 2020), with at least one for each object.

    A place is positive in the fovea of an object whose scale, the root of its area, lies in its level's range, both
    with their ends; of several the smallest object has it, then the lower index. An object that this leaves without a
    place, as it does small and thin ones, gets the free one that is nearest to its middle on a level of its scale, in
    the rounds of `assign_by_iou`; where no such place is free, the nearest of any level. All others are background, but
    for those in an `IGNORED` box of their level's least scale or more. Arguments as of `assign_by_iou`.
    """
    boxes, classes = checked(boxes, classes)
    places = tf.constant(grid.boxes())
    owner = _owner(boxes, classes, grid)
    waiting = (classes >= 0) & ~owns_some(owner, boxes.shape[1])
    owner = force(places, boxes, waiting, owner, closeness=_closeness(grid))
    return targets_of(boxes, classes, places, owner, owner >= 0, _ignored(boxes, classes, grid))


def left_out_by_fovea(boxes: tf.Tensor, classes: tf.Tensor, grid: PlaceGrid) -> tf.Tensor:
    """Tell which objects get a place only because none is to go without, bool [B, M]; see `assign_by_fovea`."""
    boxes, classes = checked(boxes, classes)
    return (classes >= 0) & ~owns_some(_owner(boxes, classes, grid), boxes.shape[1])


def _owner(boxes: tf.Tensor, classes: tf.Tensor, grid: PlaceGrid) -> tf.Tensor:
    """Index of the object in whose fovea each place lies, int32 [B, A]; -1 where none."""
    batch, (x, y), (least, most) = tf.shape(boxes)[0], _middles(grid), grid.scales().T

    def step(start: tf.Tensor, part: tf.Tensor, used: tf.Tensor, *best: tf.Tensor) -> tuple[tf.Tensor, ...]:
        smallest, index = best
        found = used & _within(part, x, y, SHRINK) & (_scale(part) >= least) & (_scale(part) <= most)
        areas = tf.where(found, area(part)[..., None], np.inf)
        own = tf.reduce_min(areas, axis=1)
        index = tf.where(own < smallest, start + tf.argmin(areas, axis=1, output_type=tf.int32), index)
        return tf.minimum(own, smallest), index

    state = tf.fill([batch, len(grid)], np.float32(np.inf)), tf.fill([batch, len(grid)], -1)
    return in_chunks(boxes, classes >= 0, step, state)[1]


def _ignored(boxes: tf.Tensor, classes: tf.Tensor, grid: PlaceGrid) -> tf.Tensor:
    """Whether a place lies in an ignored box that is no smaller than what its level finds, bool [B, A]."""
    (x, y), (least, _) = _middles(grid), grid.scales().T

    def step(start: tf.Tensor, part: tf.Tensor, used: tf.Tensor, ignored: tf.Tensor) -> tuple[tf.Tensor]:
        return (ignored | tf.reduce_any(used & _within(part, x, y, 1.0) & (_scale(part) >= least), axis=1),)

    return in_chunks(boxes, classes == IGNORED, step, (tf.zeros([tf.shape(boxes)[0], len(grid)], tf.bool),))[0]


def _closeness(grid: PlaceGrid) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Make the measure by which objects choose among free places: nearness, and first of all the level."""
    (x, y), (least, most) = _middles(grid), grid.scales().T

    def closeness(places: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        boxes = boxes[:, :, 0]
        across = 0.5 * (boxes[..., 0] + boxes[..., 2])[..., None] - x
        down = 0.5 * (boxes[..., 1] + boxes[..., 3])[..., None] - y
        fits = (_scale(boxes) >= least) & (_scale(boxes) <= most)
        apart = (tf.square(across) + tf.square(down)) / max(height_width(grid.size)) ** 2
        nearness = 1.0 / (1.0 + apart)  # above 1 / 3
        return tf.where(fits, 1.0 + nearness, nearness)

    return closeness


def _middles(grid: PlaceGrid) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of the places in pixels, float32 [A] each."""
    boxes = grid.boxes()
    return 0.5 * (boxes[:, 0] + boxes[:, 2]), 0.5 * (boxes[:, 1] + boxes[:, 3])


def _scale(boxes: tf.Tensor) -> tf.Tensor:
    """Root of the area of boxes [B, M, 4], [B, M, 1]."""
    return tf.sqrt(tf.maximum(area(boxes), 0.0))[..., None]


def _within(boxes: tf.Tensor, x: np.ndarray, y: np.ndarray, share: float) -> tf.Tensor:
    """Whether places [A] lie within so much of width and height of boxes [B, M, 4], ends included, bool [B, M, A]."""
    x0, y0, x1, y1 = (part[..., None] for part in tf.unstack(boxes, axis=-1))
    across, down = tf.abs(x - 0.5 * (x0 + x1)), tf.abs(y - 0.5 * (y0 + y1))
    return (across <= 0.5 * share * (x1 - x0)) & (down <= 0.5 * share * (y1 - y0))
