"""Requests with which TensorFlow Serving warms a model up before it is asked: a TFRecord file of PredictionLog."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from ...trainers.files import written_beside
from ...trainers.geometry import InputSize, height_width
from ..signatures import ENCODED, IMAGE, IMAGE_BYTES, PICTURES

WARMUP = Path("assets.extra", "tf_serving_warmup_requests")
"""Where TensorFlow Serving looks for them, in a SavedModel's folder."""

BATCHES = (1, 8)
"""Pictures at a time where all are of the network's size."""
SIZES = ((480, 640), (1080, 1920))
"""(height, width) of the others."""
_GREY = 114

# Fields by number, as in tensorflow_serving/apis: prediction_log, predict and model. A map's entries are messages of a
# key, 1, and a value, 2.
_PREDICT_LOG, _REQUEST, _MODEL_SPEC, _INPUTS, _NAME, _SIGNATURE_NAME = 6, 1, 1, 2, 1, 3


def write_warmup(path: Path, size: InputSize, signatures: Iterable[str]) -> None:
    """Write requests for every signature of the SavedModel in a folder, of the sizes that clients use."""
    with written_beside(path / WARMUP) as beside, tf.io.TFRecordWriter(str(beside)) as writer:
        for signature in signatures:
            for inputs in _inputs(size, signature):
                writer.write(prediction_log(signature, inputs))


def prediction_log(signature: str, inputs: Mapping[str, Any]) -> bytes:
    """Give the bytes of a PredictionLog of a request with such inputs, TensorProtos by name."""
    model = _field(_NAME, b"default") + _field(_SIGNATURE_NAME, signature.encode())
    entries = (_field(1, name.encode()) + _field(2, tensor.SerializeToString()) for name, tensor in inputs.items())
    request = _field(_MODEL_SPEC, model) + b"".join(_field(_INPUTS, entry) for entry in entries)
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _inputs(size: InputSize, signature: str) -> list[dict[str, Any]]:
    if signature == ENCODED:
        files = [
            coded(tf.fill([*SIZES[0], 3], tf.constant(_GREY, tf.uint8))).numpy()
            for coded in (tf.io.encode_jpeg, tf.io.encode_png)
        ]
        return [{IMAGE_BYTES: tf.make_tensor_proto(some, tf.string)} for some in (files[:1], files[1:], files)]
    own = [(count, *height_width(size), 3) for count in BATCHES]
    shapes = [(1, *other, 3) for other in SIZES] if signature == PICTURES else own
    return [{IMAGE: _grey(shape)} for shape in shapes]


def _grey(shape: tuple[int, ...]) -> Any:
    """A grey picture in few bytes: TensorFlow fills a tensor up with the last value that is written."""
    tensor = tf.make_tensor_proto(_GREY, tf.uint8, shape=[])
    tensor.tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    return tensor


def _field(number: int, content: bytes) -> bytes:
    """Encode a field of bytes, text or a message as protocol buffers do: number and kind, length, content."""
    length, rest = [], len(content)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes([number << 3 | 2, *length, rest]) + content
