"""Half-precision weights for a .tflite file, with everything that is small left in float32.

TensorFlow's own float16 conversion rounds every constant: scalars, such as the 1/255 of the preprocessing,
biases and first layers too. They are a few percent of a file and make most of its error.
"""

from collections.abc import Callable

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
_OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_KERNEL = 1


def halve_as_allowed(content: bytes, pictures: np.ndarray | None = None) -> bytes:
    """Store as many kernels in float16 as the model bears: rounding counts most where few weights see everything.

    Args:
        content: a float32 .tflite file.
        pictures: uint8 [n, S, S, 3], training pictures to compare on; None halves from the first of `CUTS` on.

    Returns:
        The smallest file within `HEADROOM` of the float32 model on the pictures.
    """
    if pictures is None:
        return halve_kernels(content, CUTS[0])
    for cut in CUTS:
        halved = halve_kernels(content, cut)
        if _largest_difference(content, halved, pictures) <= HEADROOM:
            break
    return halved


def _largest_difference(content: bytes, other: bytes, pictures: np.ndarray) -> float:
    """Give the largest difference of a score on the pictures, or the first one above `HEADROOM`."""
    # Picture by picture, since a detector scores millions of boxes in each.
    scores = [_scorer(file) for file in (content, other)]
    largest = 0.0
    for picture in pictures:
        largest = max(largest, float(np.abs(np.subtract(*(score(picture) for score in scores))).max()))
        if largest > HEADROOM:
            break
    return largest


def _scorer(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Make the function from a picture to the scores that a file gives, in [0, 1]."""
    interpreter = Interpreter(model_content=content, num_threads=default_threads())
    run = interpreter.get_signature_runner()
    outputs = run.get_output_details()

    def scores(picture: np.ndarray) -> np.ndarray:
        found = run(image=picture[None])
        if "logits" in outputs:
            return sigmoid(found["logits"])
        if "class_logits" in outputs:
            powers = np.exp(found["class_logits"] - found["class_logits"].max(axis=-1, keepdims=True))
            return powers / powers.sum(axis=-1, keepdims=True)
        (saliency,) = found.values()
        return saliency

    return scores


def halve_kernels(content: bytes, smallest: int) -> bytes:
    """Store the large kernels of a float32 model in float16; they are widened again when the model is loaded.

    Args:
        content: a float32 .tflite file.
        smallest: kernels of fewer elements stay in float32.

    Returns:
        The smaller file. It computes in float32.
    """
    model = unpacked(content)
    codes = {max(code.builtinCode, code.deprecatedBuiltinCode): index for index, code in enumerate(model.operatorCodes)}
    with_kernel = {codes.get(getattr(schema.BuiltinOperator, name)) for name in _OPERATORS}
    if schema.BuiltinOperator.DEQUANTIZE not in codes:
        codes[schema.BuiltinOperator.DEQUANTIZE] = len(model.operatorCodes)
        model.operatorCodes.append(_dequantize_code())
    for graph in model.subgraphs:
        kernels = dict.fromkeys(int(op.inputs[_KERNEL]) for op in graph.operators if op.opcodeIndex in with_kernel)
        widening = [
            _halve(model, graph, kernel, codes[schema.BuiltinOperator.DEQUANTIZE])
            for kernel in kernels
            if _is_large(model, graph.tensors[kernel], smallest)
        ]
        graph.operators = widening + graph.operators
    return packed(model, len(content))


def _is_large(model: schema.ModelT, tensor: schema.TensorT, smallest: int) -> bool:
    data = model.buffers[tensor.buffer].data
    return tensor.type == schema.TensorType.FLOAT32 and data is not None and len(data) >= 4 * smallest


def _halve(model: schema.ModelT, graph: schema.SubGraphT, kernel: int, opcode: int) -> schema.OperatorT:
    """Move a kernel into a float16 tensor; gives the operator that widens it into the old one."""
    wide = graph.tensors[kernel]
    buffer = schema.BufferT()
    weights = np.asarray(model.buffers[wide.buffer].data, np.uint8).view(np.float32)
    buffer.data = weights.astype(np.float16).view(np.uint8)
    model.buffers.append(buffer)
    half = schema.TensorT()
    half.name, half.shape, half.type = wide.name + b"_half", wide.shape, schema.TensorType.FLOAT16
    half.buffer, half.hasRank = len(model.buffers) - 1, wide.hasRank
    graph.tensors.append(half)
    # Buffer 0 is the empty one by definition: the wide tensor is computed now.
    shared = sum(tensor.buffer == wide.buffer for tensor in graph.tensors) > 1
    if not shared:
        model.buffers[wide.buffer].data = None
    wide.buffer = 0
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = opcode, [len(graph.tensors) - 1], [kernel]
    return operator


def _dequantize_code() -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 3
    return code
