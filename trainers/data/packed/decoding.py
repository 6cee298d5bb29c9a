"""Records read and decoded by TensorFlow's ops alone, in parallel, wherever its file systems reach."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .records import ROWS

_JPEG = b"\xff\xd8\xff"
_HEAD = 16  # bytes around a record: its length, and two sums

SPECS = (
    tf.TensorSpec((None, None, 3), tf.uint8),
    tf.TensorSpec((None, None), tf.uint8),
    tf.TensorSpec((None, ROWS), tf.float32),
    tf.TensorSpec((3,), tf.int64),
)
"""What is decoded, see `records.Held`."""


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Decode a JPEG file, or a PNG file of 8 bits without transparency, to uint8 [H, W, 3] as it is stored."""
    is_jpeg = tf.strings.substr(encoded, 0, len(_JPEG)) == _JPEG
    image = tf.cond(
        is_jpeg,
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(encoded, channels=3),
    )
    return tf.ensure_shape(image, SPECS[0].shape)


@functools.cache
def decode_file() -> tf.types.experimental.PolymorphicFunction:
    """Give `decode_image` as a graph, traced once."""
    return tf.function(decode_image, input_signature=[tf.TensorSpec((), tf.string)], autograph=False)


def read_record(file: tf.Tensor, start: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Read the record of so many bytes that begins in a TFRecord file at `start`; "" where its sum differs."""
    # The dataset that TensorFlow reads such files with begins anywhere, and takes no more than it is to buffer.
    records = tf.raw_ops.TFRecordDatasetV2(
        filenames=[file], compression_type="", buffer_size=length + _HEAD, byte_offsets=[start]
    )
    taken = tf.data.experimental.from_variant(records, tf.TensorSpec((), tf.string)).take(1).ignore_errors()
    return taken.concatenate(tf.data.Dataset.from_tensors("")).take(1).get_single_element()


@functools.cache
def record_reader() -> tf.types.experimental.PolymorphicFunction:
    """Give `read_record` as a graph, traced once."""
    number = tf.TensorSpec((), tf.int64)
    return tf.function(read_record, input_signature=[tf.TensorSpec((), tf.string), number, number], autograph=False)


def decode_record(record: tf.Tensor, needs: str) -> tuple[tf.Tensor, ...]:
    """Decode a record to what `SPECS` say."""
    number = tf.io.FixedLenFeature([], tf.int64)
    wanted: dict[str, Any] = {"orientation": number, "height": number, "width": number, **_picture("image", 3)}
    if needs in ("mask", "labels"):
        wanted |= _picture(needs, 1)
    if needs == "boxes":
        wanted["rows"] = tf.io.FixedLenSequenceFeature([ROWS], tf.float32, allow_missing=True)
    said = tf.io.parse_single_example(record, wanted)
    pixels, rows = tf.zeros((0, 0), tf.uint8), said.get("rows", tf.zeros((0, ROWS)))
    image = _decoded(said, "image", decode_image)
    if needs in ("mask", "labels"):
        pixels = _decoded(said, needs, lambda encoded: tf.io.decode_png(encoded, channels=1))[..., 0]
    return image, pixels, rows, tf.stack([said[key] for key in ("orientation", "height", "width")])


def _picture(name: str, channels: int) -> dict[str, Any]:
    """Say how a picture is found in a record: as a file, or as its pixels and its shape."""
    text = tf.io.FixedLenFeature([], tf.string, default_value="")
    shape = tf.io.FixedLenFeature([3], tf.int64, default_value=[0, 0, channels])
    return {name: text, f"{name}/value": text, f"{name}/shape": shape}


def _decoded(said: dict[str, tf.Tensor], name: str, decode: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    file, values, shape = (said[key] for key in (name, f"{name}/value", f"{name}/shape"))
    return tf.cond(file == "", lambda: tf.reshape(tf.io.decode_raw(values, tf.uint8), shape), lambda: decode(file))


def read_and_decode(needs: str, file: tf.Tensor, start: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Give what `SPECS` say of a record; `nothing` where there is no file, or the record cannot be read."""
    record = tf.cond(file != "", lambda: read_record(file, start, length), lambda: tf.constant(""))
    held = tf.cond(record != "", lambda: decode_record(record, needs), nothing)
    return tuple(tf.ensure_shape(one, spec.shape) for one, spec in zip(held, SPECS))


def nothing() -> tuple[tf.Tensor, ...]:
    """Give what stands for an example that is not decoded here."""
    return tuple(tf.zeros([side or 0 for side in spec.shape], spec.dtype) for spec in SPECS)
