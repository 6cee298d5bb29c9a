"""RoIAlign (He et al., Mask R-CNN, ICCV 2017) with static shapes: what a feature pyramid shows of each region.

Bilinear interpolation is linear in the map, one axis after the other: a region's bins are two matrix products, with
weights that are 0 but near its points. There is no gather in it, and no scatter in its gradient, slow on CPUs.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ....geometry import InputSize, height_width
from ..anchors import STRIDES

BINS = 7
"""Bins along each side of a region."""
SAMPLES = 2
"""Points along each side of a bin, at which the map is interpolated, and whose mean is the bin."""
CANONICAL = 224
"""Side in pixels from which on regions are read on P4 (Lin et al., Feature Pyramid Networks, CVPR 2017, eq. 1)."""


def read_levels(size: InputSize) -> int:
    """Count the levels, from P3 on, on which a region of an input of this size may be read: 1 to 3."""
    height, width = height_width(size)
    return 1 + sum(height * width >= (CANONICAL * 2**step) ** 2 for step in range(2))


def levels_of(regions: tf.Tensor, levels: int) -> tf.Tensor:
    """Number the level on which each region [..., 4], xyxy in pixels, is read, 0 for P3; int32 [...].

    That is floor(4 + log2(sqrt(width * height) / 224)), within the levels that there are (eq. 1).
    """
    area = (regions[..., 2] - regions[..., 0]) * (regions[..., 3] - regions[..., 1])
    number = tf.zeros_like(area, tf.int32)
    for step in range(levels - 1):
        number += tf.cast(area >= float(CANONICAL * 2**step) ** 2, tf.int32)
    return number


def roi_align(features: Sequence[tf.Tensor], regions: tf.Tensor) -> tf.Tensor:
    """Read each region on its level in `BINS` x `BINS` bins, each the mean of `SAMPLES` x `SAMPLES` points.

    The centre of a map's first cell lies half a stride from the input's edge; a point nearer to the edge than the
    outermost centres is read at the nearest place between centres.

    Args:
        features: float [B, h, w, C] of the levels P3, P4 ...; computed in float32.
        regions: float [B, R, 4], xyxy in pixels of the input.

    Returns:
        float32 [B, R, BINS, BINS, C]; exact gradients to the features, none to the regions.
    """
    regions = tf.stop_gradient(regions)
    count, numbers = region_count(regions), levels_of(regions, len(features))
    found = None
    for number, (feature, stride) in enumerate(zip(features, STRIDES)):
        _, height, width, channels = feature.shape
        here = tf.cast(numbers == number, tf.float32)[..., None, None]
        down = here * _weights(regions[..., 1], regions[..., 3], height, stride)
        across = _weights(regions[..., 0], regions[..., 2], width, stride)
        feature = tf.reshape(tf.cast(feature, tf.float32), [-1, height, width * channels])
        rows = tf.matmul(tf.reshape(down, [-1, count * BINS, height]), feature)
        rows = tf.reshape(rows, [-1, count, BINS, width, channels])
        bins = tf.matmul(across[:, :, None], rows)
        found = bins if found is None else found + bins
    return found


def _weights(low: tf.Tensor, high: tf.Tensor, side: int, stride: int) -> tf.Tensor:
    """Tell how much each of a map's cells along an axis has in each bin of regions [B, R]: [B, R, BINS, side]."""
    points = BINS * SAMPLES
    shares = tf.constant([(point + 0.5) / points for point in range(points)])
    places = (low[..., None] + (high - low)[..., None] * shares) / stride - 0.5
    places = tf.clip_by_value(places, 0.0, side - 1.0)
    cells = tf.constant([float(cell) for cell in range(side)])
    each = tf.maximum(1.0 - tf.abs(places[..., None] - cells), 0.0)
    return tf.reduce_mean(tf.reshape(each, [-1, region_count(low), BINS, SAMPLES, side]), axis=3)


def region_count(regions: tf.Tensor) -> int | tf.Tensor:
    """Give R of [B, R, ...]: a tensor where batches differ in how many objects there is room for."""
    return tf.shape(regions)[1] if regions.shape[1] is None else regions.shape[1]


class RoIAlign(keras.layers.Layer):
    """`roi_align` as a layer: a list of maps and the regions in, in float32 whatever the precision."""

    def __init__(self, **more: Any) -> None:
        super().__init__(dtype="float32", autocast=False, **more)

    def call(self, features: list[tf.Tensor], regions: tf.Tensor) -> tf.Tensor:
        """Read the regions."""
        return roi_align(features, regions)

    def compute_output_shape(self, features_shape: Any, regions_shape: Any) -> tuple[int | None, ...]:
        """Give the shape of the bins."""
        return (*regions_shape[:2], BINS, BINS, features_shape[0][-1])
