"""A file's best thresholds inside of it: they are known once it was compared, and put into the file then."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel as Definition

from ...trainers.files import written_beside

AS_WRITTEN = 0.5
"""What all thresholds are before they are known."""
_NAME = "metricfit_thresholds"


def thresholds_in_graph(classes: int) -> tf.Tensor:
    """Give the constant float32 [classes] of the function being made, whose values `set_thresholds` changes."""
    return tf.constant([AS_WRITTEN] * classes, tf.float32, name=_NAME)


def set_thresholds(path: Path, thresholds: Sequence[float]) -> None:
    """Write the thresholds, one a class, into the SavedModel in a folder."""
    definition = Definition.FromString((path / "saved_model.pb").read_bytes())
    values = tf.make_tensor_proto(np.asarray(thresholds, np.float32))
    functions = definition.meta_graphs[0].graph_def.library.function
    nodes = [node for function in functions for node in function.node_def if node.name == _NAME]
    if not nodes:
        raise ValueError(f"{path} has no constant {_NAME}")
    for node in nodes:
        node.attr["value"].tensor.CopyFrom(values)
    with written_beside(path / "saved_model.pb") as beside:
        Path(beside).write_bytes(definition.SerializeToString(deterministic=True))
    # It is of the file as it was; nothing that loads a SavedModel needs it.
    (path / "fingerprint.pb").unlink(missing_ok=True)
