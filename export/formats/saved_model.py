"""From a Keras model to a SavedModel that takes raw bytes and gives finished results."""

from collections import Counter
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ...trainers.errors import DataError, UsageError, first_line
from ...trainers.models.precision import in_float32
from ..card import digest
from ..tasks.base import IMAGE, IMAGE_DESCRIPTION, SIGNATURE, ExportTask, Stages, all_tasks, alternatives


def load_keras(path) -> tuple[keras.Model, ExportTask]:
    """Load a model saved by Keras, in float32 and ready for inference.

    Args:
        path: a `.keras` file: a saliency model with input [B, S, S, 3] and logits [B, S, S] or [B, S, S, 1], a
            segmentation model that ends in `ClassLogits`, or a `RetinaNet`.

    Returns:
        The model as its task serves it, and the task.

    Raises:
        DataError: the file cannot be read.
        UsageError: it is a model of another kind.
    """
    # Importing them registers the project's losses and models with Keras.
    from ... import losses  # noqa: F401
    from ...trainers.models.registry import import_builders

    import_builders()
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
        f"{path} is no {alternatives()} model: expected input [B, S, S, 3] and output [B, S, S], one that 'metricfit "
        f"train segmentation' made, or a RetinaNet; got {shape} and {output}"
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
    if image is not None:
        return _write(Stages(function), path, {IMAGE: image})
    return _write(Stages(lambda tensors: function(**tensors)), path, others)


def _write(stages: Stages, path, specs: dict[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    """Write one SavedModel with a signature for each tail; the weights are in it once. Gives the body's outputs."""
    given = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()]

    @tf.function(input_signature=given)
    def with_variables(*tensors):
        if list(specs) == [IMAGE]:
            return stages.body(tf.cast(tensors[0], tf.float32))
        return stages.body(dict(zip(specs, tensors)))

    concrete = with_variables.get_concrete_function()
    outputs = {name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in concrete.structured_outputs.items()}
    frozen = convert_variables_to_constants_v2(concrete)

    def signature(tail):
        @tf.function(input_signature=given)
        def constant(*tensors):
            # Frozen functions give a list in the order of the sorted names.
            found = dict(zip(sorted(outputs), frozen(*tensors)))
            found = {name: tf.ensure_shape(found[name], spec.shape) for name, spec in outputs.items()}
            return tail(**found) if tail else found

        return constant

    signatures = {name: signature(tail) for name, tail in (stages.tails or {SIGNATURE: None}).items()}
    module = tf.Module()
    module.served = list(signatures.values())
    tf.saved_model.save(module, str(path), signatures=signatures)
    return outputs


def write_saved_model(model: keras.Model, path, task: ExportTask) -> Path:
    """Write a SavedModel whose signature `serving_default` maps raw pictures to finished results.

    Signatures: `image` uint8 [B, S, S, 3], RGB in 0..255, any B -> the task's outputs, see its `outputs`.

    Args:
        model: as `load_keras` gives it.
        path: the folder to write.
        task: its task.

    Returns:
        The folder.
    """
    size = task.keras_size(model)
    _write(task.stages(model), path, {IMAGE: tf.TensorSpec((None, size, size, 3), tf.uint8)})
    return Path(path)


def describe_saved_model(path, task: ExportTask) -> dict:
    """The card's facts about a SavedModel: bytes, sha256, input, outputs, operators (counted by name).

    Args:
        path: the folder that `write_saved_model` wrote.
        task: the model's task.
    """
    loaded = tf.saved_model.load(str(path))
    image = loaded.signatures[SIGNATURE].structured_input_signature[1][IMAGE]
    outputs, operators = {}, Counter()
    for signature in loaded.signatures.values():
        outputs |= signature.structured_outputs
    # The first signature's graph alone: the others are the same network.
    definition = loaded.signatures[SIGNATURE].graph.as_graph_def()
    for node in [*definition.node, *(node for function in definition.library.function for node in function.node_def)]:
        operators[node.op] += 1
    size, sha256 = digest(path)
    return {
        "bytes": size,
        "sha256": sha256,
        "input": _tensor(IMAGE, image, IMAGE_DESCRIPTION),
        "outputs": [_tensor(name, outputs[name], text) for name, text in task.outputs.items()],
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
