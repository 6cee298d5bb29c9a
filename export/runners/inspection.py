"""What a SavedModel would do, read from its file before TensorFlow loads it: a graph may write files and run code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...trainers.errors import DataError, UsageError
from ...trainers.text import cut
from .arithmetic import ARITHMETIC, SAVING

_NAMED = 3  # operations of a refusal; the rest is counted
_PLAIN = {"_construction_context", "_input_shapes"}  # what TensorFlow notes of the functions that save


def refuse_code(path: Path) -> None:
    """Refuse a SavedModel that does more than compute, without loading it.

    Looked at are the nodes of every graph and of every function in it: signatures, branches, loops, gradients,
    initialisers. What reads and writes checkpoints may stand where saving a model needs it and nothing else calls it.

    Raises:
        UsageError: it holds other operations; they are named.
        DataError: its file cannot be read.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString((path / "saved_model.pb").read_bytes())
    except (OSError, DecodeError) as error:
        message = f"{path} cannot be read as a SavedModel (its saved_model.pb is damaged): export it again"
        raise DataError(message) from error
    if found := operations_of_code(model):
        more = len(found) - _NAMED
        named = ", ".join(cut(re.sub(r"[^\w>]", "?", name), 40) for name in found[:_NAMED]) + (
            f" and {more} more" if more > 0 else ""
        )
        raise UsageError(
            f"{path} holds operations that do more than compute ({named}), which could read and write files or run "
            "programs: load it with --trust if you trust who made it, otherwise do not"
        )


def operations_of_code(model: Any) -> list[str]:
    """Name the operations in a SavedModel's message that are no arithmetic, in the order of their names."""
    found = set[str]()
    # Others are loaded as TensorFlow 1 does, which runs the outer graph, and with it what saves.
    alone = len(model.meta_graphs) == 1 and model.meta_graphs[0].HasField("object_graph_def")
    for graph in model.meta_graphs:
        functions = {function.signature.name: function for function in graph.graph_def.library.function}
        saving = _saving(graph, functions) if alone else set()
        found |= {node.op for node in graph.graph_def.node}
        for function in graph.graph_def.library.function:  # of several of one name, each
            operations = {node.op for node in function.node_def}
            found |= operations - SAVING if function.signature.name in saving else operations
        # A function may be called by its name, which must not be that of an operation: they begin with a capital.
        found -= {name for name in functions if name.startswith("__")}
    return sorted(found - ARITHMETIC)


def _saving(graph: Any, functions: dict[str, Any]) -> set[str]:
    """Name the functions that saving and restoring call, and nothing else."""
    ends = {graph.saver_def.save_tensor_name.partition(":")[0], graph.saver_def.restore_op_name}
    called = {name for node in graph.graph_def.node if node.name in ends for name in _called(node)}
    others = {name for node in graph.graph_def.node if node.name not in ends for name in _called(node)}
    others |= {name for function in functions.values() for node in function.node_def for name in _called(node)}
    library = graph.graph_def.library
    others |= {name for one in library.gradient for name in (one.function_name, one.gradient_func)}
    others |= {one.gradient_func for one in library.registered_gradients}
    others |= set(graph.object_graph_def.concrete_functions)
    for node in graph.object_graph_def.nodes:
        others |= {*node.function.concrete_functions, node.bare_concrete_function.concrete_function_name}
    # A function that says it can stand for another one is taken in its place by TensorFlow's optimizer.
    return {name for name in called - others if name in functions and set(functions[name].attr) <= _PLAIN}


def _called(node: Any) -> Iterator[str]:
    """Name the functions that a node refers to, and its own operation, which may be one."""
    yield node.op
    yield from _referred(node.attr)


def _referred(attributes: Any) -> Iterator[str]:
    for value in attributes.values():
        for function in (value.func, *value.list.func):
            if function.name:
                yield function.name
                yield from _referred(function.attr)
        # Gradients are named by text.
        yield from (text.decode("utf-8", "replace") for text in (value.s, *value.list.s) if text)
