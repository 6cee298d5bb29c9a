"""Numbers in a .tflite file that LiteRT takes as they are, looked at before it does. Imports no TensorFlow."""

import math
from typing import Any

import numpy as np

LARGEST = 2 << 30
"""Bytes that a tensor may take: about what a file itself may have."""
MOST = 8 << 30
"""Bytes that all tensors which are computed may take together: LiteRT may keep them all at once."""
WIDEST = 64
"""Sides of a pooling's window, in pixels, that may be more than its input has."""


def refuse_unbounded(content: bytes, interpreter: Any) -> None:
    """Refuse a file whose numbers would have LiteRT fill the memory, compute without end, or read what is not there.

    Args:
        content: the file.
        interpreter: one that was made from it, which verified its structure, with no tensors allocated yet.

    Raises:
        ValueError: a tensor, all of them or a window is too large, or a signature is of no graph.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    count = model.SubgraphsLength()
    for number in range(model.SignatureDefsLength()):
        if (found := model.SignatureDefs(number).SubgraphIndex()) >= count:
            raise ValueError(f"a signature is of graph {found}, there are {count}")
    computed = 0
    for number in range(count):
        sizes, shapes = _tensors(interpreter, number)
        graph = model.Subgraphs(number)
        # What the file holds itself takes no more than the file.
        computed += sum(size for index, size in sizes.items() if not _is_stored(model, graph, index))
        if computed > MOST:
            raise ValueError(f"its tensors take {computed >> 20} MiB together, at most {MOST >> 20} are read")
        for place in range(graph.OperatorsLength()):
            operator = graph.Operators(place)
            if operator.BuiltinOptionsType() == schema.BuiltinOptions.Pool2DOptions and operator.InputsLength():
                window = schema.Pool2DOptions()
                window.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
                side = max(WIDEST, *shapes.get(operator.Inputs(0), [0]), 0)
                if not all(1 <= found <= side for found in (window.FilterHeight(), window.FilterWidth())):
                    raise ValueError(
                        f"a pooling's window is {window.FilterHeight()}x{window.FilterWidth()}, at most {side} are read"
                    )


def _tensors(interpreter: Any, number: int) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Give the bytes and the shapes of a graph's tensors by index; none of them is too large."""
    sizes, shapes = dict[int, int](), dict[int, list[int]]()
    for tensor in interpreter.get_tensor_details(number):
        shape = shapes[tensor["index"]] = tensor["shape"].tolist()
        size = sizes[tensor["index"]] = math.prod(max(0, side) for side in shape) * np.dtype(tensor["dtype"]).itemsize
        if size > LARGEST:
            raise ValueError(f"a tensor of shape {shape} takes more than {LARGEST >> 20} MiB")
    return sizes, shapes


def _is_stored(model: Any, graph: Any, index: int) -> bool:
    """Tell whether a tensor's values stand in the file."""
    if index >= graph.TensorsLength():
        return False  # one that LiteRT has added
    buffer = graph.Tensors(index).Buffer()
    return bool(buffer < model.BuffersLength() and model.Buffers(buffer).DataLength())
