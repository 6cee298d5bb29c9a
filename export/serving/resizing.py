"""`fit_image` and its way back in TensorFlow: pictures of any size to the network's input, maps and boxes from it."""

from functools import cache, partial
from typing import NamedTuple

import tensorflow as tf

from ...trainers.data.fit import GREY
from ...trainers.geometry import InputSize, height_width
from .taps import Taps, averaging, interpolating, step

_EPSILON = 2.220446049250313e-16  # how far OpenCV lets a whole factor be from one
_BITS = 11  # of OpenCV's weights where it interpolates bytes


class Frame(NamedTuple):
    """How pictures of one size lie in the network's input: their own size, and that within it, each scalar int32."""

    height: tf.Tensor
    width: tf.Tensor
    inner_height: tf.Tensor
    inner_width: tf.Tensor


def frame_of(height: tf.Tensor, width: tf.Tensor, inside: InputSize, resizing: str) -> Frame:
    """Do what `fitted_size` does."""
    most_high, most_wide = height_width(inside)
    if resizing == "stretch":
        return Frame(height, width, tf.constant(most_high), tf.constant(most_wide))
    high, wide = tf.cast(height, tf.int64), tf.cast(width, tf.int64)
    by_height = high * most_wide > wide * most_high
    into, whole = tf.where(by_height, tf.constant(most_high, tf.int64), most_wide), tf.where(by_height, high, wide)
    # Halves go up; in whole numbers, which are exact.
    inner = [(2 * into * one + whole) // (2 * whole) for one in (high, wide)]
    return Frame(height, width, *(tf.cast(tf.maximum(one, 1), tf.int32) for one in inner))


def fit_pictures(images: tf.Tensor, inside: InputSize, resizing: str) -> tf.Tensor:
    """Bring uint8 [B, H, W, 3] to uint8 [B, h, w, 3], the size of the input, as `fit_image` does, bit by bit."""
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    frame, (most_high, most_wide) = frame_of(height, width, inside, resizing), height_width(inside)
    inner = (frame.inner_height, frame.inner_width)
    smaller = tf.minimum(height, inner[0]), tf.minimum(width, inner[1])
    images = _averaged(images, *smaller)  # which changes nothing of a side that stays
    grows = (smaller[0] < inner[0]) | (smaller[1] < inner[1])
    images = tf.cond(grows, lambda: _interpolated(images, *inner), lambda: images)
    around = [[0, 0], [0, most_high - inner[0]], [0, most_wide - inner[1]], [0, 0]]
    padded = tf.pad(images, around, constant_values=tf.constant(GREY, tf.uint8))
    return tf.ensure_shape(padded, [None, most_high, most_wide, 3])


@cache
def fitting(inside: InputSize, resizing: str) -> tf.types.experimental.PolymorphicFunction:
    """Give `fit_pictures` as a graph, which a process traces once however many models it writes."""
    fit = partial(fit_pictures, inside=inside, resizing=resizing)
    return tf.function(fit, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)], autograph=False)


def unfit_maps(maps: tf.Tensor, frame: Frame) -> tf.Tensor:
    """Bring maps float32 [B, h, w] to the pictures' own size [B, H, W], bilinearly."""
    maps = _blended(maps, interpolating(frame.inner_width, frame.width, columns=True), 2)
    return _blended(maps, interpolating(frame.inner_height, frame.height, columns=False), 1)


def unfit_boxes(boxes: tf.Tensor, frame: Frame) -> tf.Tensor:
    """Bring boxes [..., 4] in pixels of the input to float32 ones in pixels of the pictures, cut at their edges."""
    height, width, inner_height, inner_width = (tf.cast(one, tf.float64) for one in frame)
    scale = tf.stack([inner_width / width, inner_height / height] * 2)
    boxes = tf.cast(boxes, tf.float64) / scale
    return tf.cast(tf.clip_by_value(boxes, tf.zeros([], tf.float64), tf.stack([width, height] * 2)), tf.float32)


def _averaged(images: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """OpenCV's INTER_AREA, of sides that do not grow."""
    sides = (tf.shape(images)[1], height), (tf.shape(images)[2], width)
    factors = [step(*side) for side in sides]
    whole = tf.reduce_all([tf.abs(factor - tf.round(factor)) < _EPSILON for factor in factors])
    # Whole numbers of pixels are added up exactly, and divided once; the columns first, which decides other roundings.
    sums = _added(images, averaging(*sides[1], whole), 2)
    sums = _added(sums, averaging(*sides[0], whole), 1)
    area = tf.cast(tf.round(factors[0]) * tf.round(factors[1]), tf.float32)
    means = tf.round(tf.where(whole, sums * (1.0 / area), sums))
    # Four pixels are OpenCV's special case: halves go up there, and to the even number elsewhere.
    by_two = whole & (tf.round(factors[0]) == 2) & (tf.round(factors[1]) == 2)
    means = tf.where(by_two, tf.floor((sums + 2.0) * 0.25), means)
    return tf.cast(tf.clip_by_value(means, 0.0, 255.0), tf.uint8)


def _added(values: tf.Tensor, taps: Taps, axis: int) -> tf.Tensor:
    """Add up weighted pixels of a side one after another: a copy in float32 of a large picture is never made."""

    def add(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        taken = tf.cast(tf.gather(values, taps.index[:, number], axis=axis), tf.float32)
        return number + 1, total + taken * _along(taps.weight[:, number], axis, 4)

    shape = tf.tensor_scatter_nd_update(tf.shape(values), [[axis]], [tf.shape(taps.index)[0]])
    free = tf.TensorShape([None, None, None, 3])
    return tf.while_loop(
        lambda number, total: number < tf.shape(taps.index)[1],
        add,
        (tf.constant(0), tf.ensure_shape(tf.zeros(shape), free)),
        shape_invariants=(tf.TensorShape([]), free),
    )[1]


def _interpolated(images: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """OpenCV's INTER_LINEAR of bytes, of sides that do not shrink: in whole numbers, cut off where OpenCV does."""
    across = interpolating(tf.shape(images)[2], width, columns=True)
    down = interpolating(tf.shape(images)[1], height, columns=False)
    weights = [tf.cast(tf.round(taps.weight * 2**_BITS), tf.int32) for taps in (across, down)]
    rows = sum(
        tf.cast(tf.gather(images, across.index[:, one], axis=2), tf.int32) * _along(weights[0][:, one], 2, 4)
        for one in range(2)
    )
    rows = tf.bitwise.right_shift(rows, 4)
    whole = sum(
        tf.bitwise.right_shift(tf.gather(rows, down.index[:, one], axis=1) * _along(weights[1][:, one], 1, 4), 16)
        for one in range(2)
    )
    return tf.cast(tf.clip_by_value(tf.bitwise.right_shift(whole + 2, 2), 0, 255), tf.uint8)


def _blended(maps: tf.Tensor, taps: Taps, axis: int) -> tf.Tensor:
    """OpenCV's INTER_LINEAR of float32 [B, h, w], of one side."""
    parts = (tf.gather(maps, taps.index[:, one], axis=axis) * _along(taps.weight[:, one], axis, 3) for one in range(2))
    return tf.add(*parts)


def _along(weights: tf.Tensor, axis: int, rank: int) -> tf.Tensor:
    """Lay weights [T] along an axis."""
    return tf.reshape(weights, [-1 if one == axis else 1 for one in range(rank)])
