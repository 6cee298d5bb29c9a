"""From a Keras model to a SavedModel that takes raw bytes and gives finished results."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ..trainers.errors import DataError, UsageError, first_line
from ..trainers.models.precision import in_float32
from .card import digest
from .task import IMAGE, IMAGE_DESCRIPTION, ExportTask, all_tasks, alternatives

SIGNATURE = "serving_default"


def load_keras(path) -> tuple[keras.Model, ExportTask]:
    """Load a model saved by Keras, in float32 and ready for inference.

    Args:
        path: a `.keras` file: a saliency model with input [B, S, S, 3] and logits [B, S, S] or [B, S, S, 1], or a
            `RetinaNet`.

    Returns:
        The model as its task serves it, and the task.

    Raises:
        DataError: the file cannot be read.
        UsageError: it is a model of another kind.
    """
    # Importing them registers the project's losses and models with Keras, as in_float32's import does its layers.
    from .. import losses  # noqa: F401
    from ..trainers.models import retinanet  # noqa: F401

    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as a Keras model ({first_line(error)}): train or save it again"
        ) from error
    task = task_of_model(model, path)
    return in_float32(task.prepare(model)), task


def task_of_model(model: keras.Model, path="the model") -> ExportTask:
    """Tell which task a Keras model is of.

    Raises:
        UsageError: none that can be exported.
    """
    for task in all_tasks():
        if task.keras_size(model) is not None:
            return task
    shape, output = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    raise UsageError(
        f"{path} is no {alternatives()} model: expected input [B, S, S, 3] and output [B, S, S], or a RetinaNet; got "
        f"{shape} and {output}"
    )


def write_function(
    function, path, image: tf.TensorSpec | None = None, others: dict[str, tf.TensorSpec] | None = None
) -> dict[str, tf.TensorSpec]:
    """Write a function as a SavedModel with its weights as constants: it loads, converts and runs several times faster.

    Args:
        function: from an `image` as float32, or from `others` by name, to {name: tensor}.
        path: the folder to write; its signature is called `serving_default`.
        image: the picture that the signature takes, of any number type.
        others: what it takes instead, by name.

    Returns:
        Shape and dtype of each output, by name.
    """
    specs = {
        name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in (others or {IMAGE: image}).items()
    }
    given = list(specs.values())

    @tf.function(input_signature=given)
    def with_variables(*tensors):
        if image is None:
            return function(**dict(zip(specs, tensors)))
        return function(tf.cast(tensors[0], tf.float32))

    concrete = with_variables.get_concrete_function()
    outputs = {name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in concrete.structured_outputs.items()}
    frozen = convert_variables_to_constants_v2(concrete)

    @tf.function(input_signature=given)
    def constant(*tensors):
        # Frozen functions give a list in the order of the sorted names.
        found = dict(zip(sorted(outputs), frozen(*tensors)))
        return {name: tf.ensure_shape(found[name], spec.shape) for name, spec in outputs.items()}

    module = tf.Module()
    module.serve = constant
    tf.saved_model.save(module, str(path), signatures={SIGNATURE: constant})
    return outputs


def write_saved_model(model: keras.Model, path, task: ExportTask) -> Path:
    """Write a SavedModel whose signature `serving_default` maps raw pictures to finished results.

    Signature: `image` uint8 [B, S, S, 3], RGB in 0..255, any B -> the task's outputs, see its `outputs`.

    Args:
        model: as `load_keras` gives it.
        path: the folder to write.
        task: its task.

    Returns:
        The folder.
    """
    size = task.keras_size(model)
    write_function(task.serve(model), path, tf.TensorSpec((None, size, size, 3), tf.uint8))
    return Path(path)


def describe_saved_model(path, task: ExportTask) -> dict:
    """The card's facts about a SavedModel: bytes, sha256, input, outputs, operators (counted by name).

    Args:
        path: the folder that `write_saved_model` wrote.
        task: the model's task.
    """
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures[SIGNATURE]
    image = signature.structured_input_signature[1][IMAGE]
    definition = signature.graph.as_graph_def()
    operators: dict[str, int] = {}
    for node in [*definition.node, *(node for function in definition.library.function for node in function.node_def)]:
        operators[node.op] = operators.get(node.op, 0) + 1
    size, sha256 = digest(path)
    return {
        "bytes": size,
        "sha256": sha256,
        "input": _tensor(IMAGE, image, IMAGE_DESCRIPTION),
        "outputs": [_tensor(name, signature.structured_outputs[name], text) for name, text in task.outputs.items()],
        "operators": dict(sorted(operators.items())),
    }


def _tensor(name: str, spec, description: str) -> dict:
    return {
        "name": name,
        "description": description,
        "shape": list(spec.shape),
        "dtype": np.dtype(spec.dtype.as_numpy_dtype).name,
        "scale": None,
        "zero_point": None,
    }
