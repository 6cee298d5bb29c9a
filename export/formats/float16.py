"""Half-precision weights for a .tflite file; what is small, and makes most of the error, stays in float32."""

from collections.abc import Callable, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from ...trainers.metrics.logit_scale import sigmoid
from ..runners.tflite import default_threads
from .tflite_graphs import packed, unpacked

CUTS = (8192, 16384, 32768, 65536, 131072, 262144, 524288)
"""Numbers of elements from which on kernels may be halved, by falling gain."""
HEADROOM = 2.5e-3
"""Largest difference of a score on training pictures; pictures that nobody saw differ up to four times as much."""
_SAME_PLACE = 0.5  # pixels of the input by which sides of a proposal may differ that is still the same
_OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")

Found = Mapping[str, np.ndarray]


def halve_as_allowed(content: bytes, pictures: np.ndarray) -> bytes:
    """Store as many kernels of a float32 .tflite file in float16 as pictures uint8 [n, S, S, 3] allow by `HEADROOM`."""
    for cut in CUTS:
        halved = halve_kernels(content, cut)
        of_whole, of_halved = _runner(content), _runner(halved)
        # Picture by picture, since a detector scores millions of boxes in each.
        if not any(_difference(of_whole(one), of_halved(one)) > HEADROOM for one in pictures):
            break
    return halved


def _runner(content: bytes) -> Callable[[np.ndarray], Found]:
    """Make the function from a picture to what a file gives, by name."""
    interpreter = Interpreter(model_content=content, num_threads=default_threads())
    run = interpreter.get_signature_runner()
    return lambda picture: run(image=picture[None])


def _difference(whole: Found, halved: Found) -> float:
    """Give the largest difference of a score, in [0, 1]."""
    if "references" not in whole:
        return float(np.abs(_scores(whole) - _scores(halved)).max())
    first = np.abs(sigmoid(whole["objectness"]) - sigmoid(halved["objectness"])).max()
    # Proposals that are as sure may change places, and one may be there in the other's place: each is compared with
    # the one that lies where it does.
    apart = np.abs(whole["references"][0, :, None] - halved["references"][0]).max(axis=2)
    same = apart.min(axis=1) <= _SAME_PLACE
    second = np.abs(_scores(whole)[0][same] - _scores(halved)[0][apart.argmin(axis=1)[same]]).max(initial=0)
    return float(max(first, second))


def _scores(found: Found) -> np.ndarray:
    if "logits" in found:
        return sigmoid(found["logits"])
    if "class_logits" in found:
        powers = np.exp(found["class_logits"] - found["class_logits"].max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    (saliency,) = found.values()
    return saliency


def halve_kernels(content: bytes, smallest: int) -> bytes:
    """Store a float32 .tflite file's kernels of `smallest` elements and more in float16; it computes in float32."""
    model = unpacked(content)
    codes = {max(code.builtinCode, code.deprecatedBuiltinCode): index for index, code in enumerate(model.operatorCodes)}
    with_kernel = {codes.get(getattr(schema.BuiltinOperator, name)) for name in _OPERATORS}
    if schema.BuiltinOperator.DEQUANTIZE not in codes:
        codes[schema.BuiltinOperator.DEQUANTIZE] = len(model.operatorCodes)
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
        code.version = 3
        model.operatorCodes.append(code)
    for graph in model.subgraphs:
        # The second input of each is its kernel.
        kernels = dict.fromkeys(int(op.inputs[1]) for op in graph.operators if op.opcodeIndex in with_kernel)
        widening = []
        for kernel in kernels:
            data = model.buffers[graph.tensors[kernel].buffer].data
            is_float = graph.tensors[kernel].type == schema.TensorType.FLOAT32
            if is_float and data is not None and len(data) >= 4 * smallest:
                widening.append(_halve(model, graph, kernel, codes[schema.BuiltinOperator.DEQUANTIZE]))
        graph.operators = widening + graph.operators
    return packed(model, len(content))


def _halve(model: schema.ModelT, graph: schema.SubGraphT, kernel: int, opcode: int) -> schema.OperatorT:
    """Move a kernel into a float16 tensor; gives the operator that widens it into the old one."""
    wide = graph.tensors[kernel]
    buffer, half, operator = schema.BufferT(), schema.TensorT(), schema.OperatorT()
    weights = np.asarray(model.buffers[wide.buffer].data, np.uint8).view(np.float32)
    buffer.data = weights.astype(np.float16).view(np.uint8)
    model.buffers.append(buffer)
    half.name, half.shape, half.type = wide.name + b"_half", wide.shape, schema.TensorType.FLOAT16
    half.buffer, half.hasRank = len(model.buffers) - 1, wide.hasRank
    graph.tensors.append(half)
    if sum(tensor.buffer == wide.buffer for tensor in graph.tensors) == 1:
        model.buffers[wide.buffer].data = None
    wide.buffer = 0  # the empty one by definition: the wide tensor is computed now
    operator.opcodeIndex, operator.inputs, operator.outputs = opcode, [len(graph.tensors) - 1], [kernel]
    return operator
