"""How a picture's EXIF turns it, read from the bytes of a JPEG or PNG file in TensorFlow, which ignores it."""

import tensorflow as tf

_TAG, _SHORT = 0x0112, 3
_ENTRY = 12  # bytes of one entry of a TIFF directory
BEHIND = 32
"""Zeros that must stand behind a file's bytes, so that what begins near its end can be looked at."""


def orientation_of(octets: tf.Tensor, is_jpeg: tf.Tensor) -> tf.Tensor:
    """Give the orientation, 1 to 8, that EXIF names in the bytes uint8 [N + BEHIND] of a file; 1 where none."""
    octets = tf.cast(octets, tf.int32)
    block = _block_in(octets, is_jpeg)
    found = _in_block(octets[block:])
    return tf.where((block > 0) & (found >= 1) & (found <= 8), found, 1)


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn a picture [H, W, 3] upright."""
    image = tf.transpose(image, tf.where(orientation >= 5, [1, 0, 2], [0, 1, 2]))
    flips = [tf.reduce_any(orientation == tf.constant(which)) for which in ((3, 4, 7, 8), (2, 3, 6, 7))]
    return tf.ensure_shape(tf.reverse(image, tf.boolean_mask([0, 1], flips)), [None, None, 3])


def _block_in(octets: tf.Tensor, is_jpeg: tf.Tensor) -> tf.Tensor:
    """Where the EXIF block of a file begins, behind its name; 0 where there is none.

    A JPEG file's is in the first segment that holds one, before the picture itself (0xDA), a PNG file's in a chunk.
    """
    end = tf.size(octets) - BEHIND

    def reads_on(place: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        here = tf.minimum(place, end)
        in_jpeg = (octets[here] == 0xFF) & (octets[here + 1] != 0xDA)
        goes_on = tf.where(is_jpeg, in_jpeg, ~_stands(octets, here + 4, b"IEND"))
        # A length that leads backwards or out of the file ends it, too.
        return (found == 0) & (place > 0) & (place < end) & goes_on

    def read(place: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        in_jpeg = (octets[place + 1] == 0xE1) & _stands(octets, place + 4, b"Exif\0\0")
        in_png = _stands(octets, place + 4, b"eXIf")
        found = tf.where(is_jpeg, tf.where(in_jpeg, place + 10, 0), tf.where(in_png, place + 8, 0))
        length = _word(octets, place) * 65536 + _word(octets, place + 2)
        return tf.where(is_jpeg, place + 2 + _word(octets, place + 2), place + 12 + length), found

    return tf.while_loop(reads_on, read, (tf.where(is_jpeg, 2, 8), tf.constant(0)))[1]


def _in_block(block: tf.Tensor) -> tf.Tensor:
    """Read the orientation out of a TIFF structure; 0 where it has none, or is damaged."""
    little, size = _stands(block, 0, b"II"), tf.size(block)

    def number(place: tf.Tensor, count: int) -> tf.Tensor:
        taken = tf.gather(block, tf.clip_by_value(place[..., None] + tf.range(count), 0, size - 1))
        taken = tf.where(little, taken, taken[..., ::-1])
        return tf.reduce_sum(taken * [1 << 8 * one for one in range(count)], axis=-1)

    first = number(tf.constant(4), 4)
    first = tf.where((first >= 8) & (first < size), first, size)
    count = tf.minimum(number(first, 2), (size - first) // _ENTRY)
    entries = first + 2 + _ENTRY * tf.range(count)
    named = (number(entries, 2) == _TAG) & (number(entries + 2, 2) == _SHORT)
    return tf.reduce_max(tf.concat([tf.where(named, number(entries + 8, 2), 0), [0]], axis=0))


def _word(octets: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    return octets[place] * 256 + octets[place + 1]


def _stands(octets: tf.Tensor, place: tf.Tensor | int, text: bytes) -> tf.Tensor:
    return tf.reduce_all(octets[place : place + len(text)] == tf.constant(list(text)))
