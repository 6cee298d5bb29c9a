"""`read_image` in TensorFlow: the bytes of a JPEG or PNG file to an upright picture without transparency."""

import tensorflow as tf

from .orientation import BEHIND, orientation_of, turned
from .refusing import refused_unless

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_DEPTH, _KIND = 24, 25  # where a PNG file says its bits and its kind of colours
_GREY = (0, 4)  # kinds of colours, without and with transparency
_BITS = (8, 10, 12, 14, 16)


@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def decode_picture(encoded: tf.Tensor) -> tf.Tensor:
    """Decode the bytes of a file, a string [], to uint8 [H, W, 3], RGB, turned as EXIF says, laid over white.

    Anything but JPEG and PNG, and what is damaged, ends the call with InvalidArgumentError.
    """
    octets = tf.concat([tf.io.decode_raw(encoded, tf.uint8), tf.zeros([BEHIND], tf.uint8)], axis=0)
    is_jpeg, is_png = (
        tf.reduce_all(octets[: len(start)] == tf.constant(list(start), tf.uint8)) for start in (_JPEG, _PNG)
    )
    said = "image_bytes must be JPEG or PNG files, one of them begins with the bytes"
    encoded = refused_unless(is_jpeg | is_png, said, octets[: len(_PNG)], encoded)
    image = tf.cond(is_jpeg, lambda: _decode_jpeg(encoded), lambda: _decode_png(encoded, octets))
    return turned(image, orientation_of(octets, is_jpeg))


def _decode_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_png(encoded: tf.Tensor, octets: tf.Tensor) -> tf.Tensor:
    depth = tf.cast(octets[_DEPTH], tf.int32)
    rgba = tf.cond(
        depth == 16, lambda: _decode_deep(encoded, octets[_KIND]), lambda: tf.io.decode_png(encoded, channels=4)
    )
    # Where a file of fewer bits has no transparency, TensorFlow fills up with the largest value of those bits.
    filler = tf.cast(tf.bitwise.left_shift(1, tf.minimum(depth, 8)) - 1, tf.uint8)
    is_filler = tf.reduce_all(rgba[..., 3] == filler)
    return tf.cond(is_filler, lambda: rgba[..., :3], lambda: _over_white(rgba))


def _decode_deep(encoded: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
    """Bring 16 bits to 8: grey by its value, colours by their upper byte; where fewer bits are used, both by value."""
    values = tf.cast(tf.io.decode_png(encoded, channels=4, dtype=tf.uint16), tf.int32)
    high = tf.reduce_max(values[..., :3])
    bits = tf.reduce_min(tf.where(high < [1 << bits for bits in _BITS], _BITS, 16))
    bits = tf.where(high == 0, 16, bits)
    is_grey = kind == _GREY[0]
    full = tf.bitwise.left_shift(1, bits) - 1
    scaled = (tf.minimum(values, full) * 255 + full // 2) // full
    eight = tf.where(is_grey | (bits < 16), scaled, values // 256)
    # Where grey has a transparent value, it is not looked at.
    opaque = tf.where(is_grey, 255, eight[..., 3:])
    return tf.cast(tf.concat([eight[..., :3], opaque], axis=-1), tf.uint8)


def _over_white(rgba: tf.Tensor) -> tf.Tensor:
    """Lay RGBA over white as Pillow does, in whole numbers."""
    values = tf.cast(rgba, tf.int32)
    alpha = values[..., 3:]
    laid = 128 * (values[..., :3] * alpha + 255 * (255 - alpha)) + (128 << 7)
    laid = tf.bitwise.right_shift(tf.bitwise.right_shift(laid, 8) + laid, 8)
    return tf.cast(tf.bitwise.right_shift(laid, 7), tf.uint8)
