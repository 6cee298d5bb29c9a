"""From a Keras model to a SavedModel that takes raw bytes and gives finished results."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ..trainers.errors import DataError, UsageError, first_line
from ..trainers.models.precision import in_float32
from .card import digest

INPUT_NAME = "image"
OUTPUT_NAME = "saliency"
SIGNATURE = "serving_default"


def load_keras(path) -> keras.Model:
    """Load a saliency model saved by Keras, in float32 and ready for inference.

    Args:
        path: a `.keras` file with input [B, S, S, 3] and logits [B, S, S] or [B, S, S, 1].

    Returns:
        The model, with logits [B, S, S].

    Raises:
        DataError: the file cannot be read.
        UsageError: it is a model of another kind.
    """
    # Importing them registers the project's losses with Keras, as in_float32's import does its layers.
    from .. import losses  # noqa: F401

    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as a Keras model ({first_line(error)}): train or save it again"
        ) from error
    size = input_size(model, path)
    if len(model.output_shape) == 4 or isinstance(model, keras.Sequential):
        image = keras.Input((size, size, 3))
        model = keras.Model(image, keras.layers.Reshape((size, size))(model(image)), name=model.name)
    return in_float32(model)


def input_size(model: keras.Model, path="the model") -> int:
    """Side of a saliency model's square input, in pixels.

    Raises:
        UsageError: inputs or outputs are not [B, S, S, 3] and [B, S, S] or [B, S, S, 1].
    """
    shape, output = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    fits = (
        isinstance(shape, tuple) and len(shape) == 4 and shape[3] == 3 and shape[1] is not None and shape[1] == shape[2]
        and isinstance(output, tuple) and output[1:] in (shape[1:3], (*shape[1:3], 1))
    )  # fmt: skip
    if not fits:
        raise UsageError(
            f"{path} is no saliency model: expected input [B, S, S, 3] and output [B, S, S], got {shape} and {output}"
        )
    return shape[1]


def _write(model: keras.Model, path, batch: int | None, dtype: tf.DType) -> Path:
    """Write the model with its weights as constants: it loads, converts and runs several times faster so."""
    size = input_size(model)
    spec = tf.TensorSpec((batch, size, size, 3), dtype, name=INPUT_NAME)

    @tf.function(input_signature=[spec])
    def with_variables(image):
        logits = model(tf.cast(image, tf.float32), training=False)
        return tf.sigmoid(tf.cast(logits, tf.float32))

    frozen = convert_variables_to_constants_v2(with_variables.get_concrete_function())

    @tf.function(input_signature=[spec])
    def saliency(image):
        (found,) = frozen(image)
        return {OUTPUT_NAME: tf.ensure_shape(found, (batch, size, size))}

    module = tf.Module()
    module.saliency = saliency
    tf.saved_model.save(module, str(path), signatures={SIGNATURE: saliency})
    return Path(path)


def write_saved_model(model: keras.Model, path) -> Path:
    """Write a SavedModel whose signature `serving_default` maps raw pictures to saliency.

    Signature: `image` uint8 [B, S, S, 3], RGB in 0..255, any B -> `saliency` float32 [B, S, S] in [0, 1].

    Args:
        model: input [B, S, S, 3] in 0..255, logits [B, S, S].
        path: the folder to write.

    Returns:
        The folder.
    """
    return _write(model, path, None, tf.uint8)


def write_for_conversion(model: keras.Model, path, *, bytes_in: bool) -> Path:
    """Write an intermediate SavedModel to convert to TFLite: one picture at a time, all shapes fixed.

    Args:
        model: input [B, S, S, 3] in 0..255, logits [B, S, S].
        path: the folder to write.
        bytes_in: uint8 pictures; else float32 ones, which int8 conversion makes uint8 itself.

    Returns:
        The folder.
    """
    return _write(model, path, 1, tf.uint8 if bytes_in else tf.float32)


def describe_saved_model(path) -> dict:
    """The card's facts about a SavedModel: bytes, sha256, input, output, operators (counted by name).

    Args:
        path: the folder that `write_saved_model` wrote.
    """
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures[SIGNATURE]
    image = signature.structured_input_signature[1][INPUT_NAME]
    saliency = signature.structured_outputs[OUTPUT_NAME]
    definition = signature.graph.as_graph_def()
    operators: dict[str, int] = {}
    for node in [*definition.node, *(node for function in definition.library.function for node in function.node_def)]:
        operators[node.op] = operators.get(node.op, 0) + 1
    size, sha256 = digest(path)
    return {
        "bytes": size,
        "sha256": sha256,
        "input": _tensor(INPUT_NAME, image),
        "output": _tensor(OUTPUT_NAME, saliency),
        "operators": dict(sorted(operators.items())),
    }


def _tensor(name: str, spec) -> dict:
    return {
        "name": name,
        "shape": list(spec.shape),
        "dtype": np.dtype(spec.dtype.as_numpy_dtype).name,
        "scale": None,
        "zero_point": None,
    }
