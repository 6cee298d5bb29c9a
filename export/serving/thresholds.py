"""A file's best thresholds, and its calibration: they are known once it was compared, and put into the file then."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef
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
    _set(path, lambda node: node.name == _NAME, np.asarray(thresholds, np.float32))


def has_thresholds(path: Path) -> bool:
    """Tell whether the SavedModel in a folder cuts scores: those of early versions do not."""
    return any(node.name == _NAME for node in _nodes(_definition(path)))


def set_constants(path: Path, chosen: Callable[[np.ndarray], bool], values: np.ndarray) -> None:
    """Write other values into the constants of the SavedModel in a folder that are chosen by theirs."""

    def is_one(node: NodeDef) -> bool:
        return node.op == "Const" and bool(chosen(tf.make_ndarray(node.attr["value"].tensor)))

    _set(path, is_one, values)


def _set(path: Path, chosen: Callable[[NodeDef], bool], values: np.ndarray) -> None:
    definition = _definition(path)
    nodes = [node for node in _nodes(definition) if chosen(node)]
    if not nodes:
        raise ValueError(f"{path} has none of the constants to be set")
    for node in nodes:
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
    with written_beside(path / "saved_model.pb") as beside:
        Path(beside).write_bytes(definition.SerializeToString(deterministic=True))
    # It is of the file as it was; nothing that loads a SavedModel needs it.
    (path / "fingerprint.pb").unlink(missing_ok=True)


def _definition(path: Path) -> Definition:
    return Definition.FromString((path / "saved_model.pb").read_bytes())


def _nodes(definition: Definition) -> Iterator[NodeDef]:
    for function in definition.meta_graphs[0].graph_def.library.function:
        yield from function.node_def
