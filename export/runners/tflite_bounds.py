"""Numbers in a .tflite file that LiteRT takes as they are, looked at before it does. Imports no TensorFlow."""

import math
from typing import Any

import numpy as np

LARGEST = 2 << 30
"""Bytes that a tensor may take: about what a file itself may have."""
WIDEST = 64
"""Sides of a pooling's window, in pixels, that may be more than its input has."""


def refuse_unbounded(content: bytes, interpreter: Any) -> None:
    """Refuse a file whose numbers would have LiteRT fill the memory, compute without end, or read what is not there.

    Args:
        content: the file.
        interpreter: one that was made from it, which verified its structure, with no tensors allocated yet.

    Raises:
        ValueError: a tensor or a window is too large, or a signature is of no graph.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    count = model.SubgraphsLength()
    for number in range(model.SignatureDefsLength()):
        if (found := model.SignatureDefs(number).SubgraphIndex()) >= count:
            raise ValueError(f"a signature is of graph {found}, there are {count}")
    for number in range(count):
        shapes = _shapes(interpreter, number)
        graph = model.Subgraphs(number)
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


def _shapes(interpreter: Any, number: int) -> dict[int, list[int]]:
    """Give the shapes of a graph's tensors by index; none of them is too large."""
    shapes = dict[int, list[int]]()
    for tensor in interpreter.get_tensor_details(number):
        shape = shapes[tensor["index"]] = tensor["shape"].tolist()
        if math.prod(shape) * np.dtype(tensor["dtype"]).itemsize > LARGEST:
            raise ValueError(f"a tensor of shape {shape} takes more than {LARGEST >> 20} MiB")
    return shapes
