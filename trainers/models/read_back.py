"""The weights of an exported .tflite file, read back into the Keras network that it was made of.

A converter folds each normalisation into the convolution before it. What is read back normalises by the statistics that
pictures have there, and undoes that by its own scale and offset: the same function, and one that goes on training.
What it may have folded besides is not all known here, so both compute a picture, and have to agree.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .backbones.builders import CLASSIFIER_TOPS
from .read_back_compared import check_agrees

BATCH = 8
_OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_SCALES = {"INT8": np.int8, "INT32": np.int32, "FLOAT16": np.float16, "FLOAT32": np.float32}
_AS_THEY_ARE = ("CAST", "QUANTIZE", "DEQUANTIZE", "PAD", "PADV2", "RESHAPE")
"""Operators behind which a picture still has its values."""
_Convolution = keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.SeparableConv2D


@dataclass(eq=False)
class Kernel:
    """A convolution of a file: its kernel in Keras' order of axes, the offset of its channels, and how it is called."""

    values: np.ndarray  # float32 [H, W, I, O]; of depthwise ones [H, W, I, 1]
    offset: np.ndarray
    called: str
    of_pictures: bool = False  # whether it takes pictures, 0 to 255, as they are
    output: int = -1  # the tensor of the file that it gives
    linear: bool = False  # whether nothing cuts what it gives


@dataclass(eq=False)
class _Call:
    """A call of a convolution, and the normalisation that took what it gave: of the same kernel, one for each call."""

    output: Any
    normalisation: Any = None
    factor: np.ndarray = field(default_factory=lambda: np.ones(1))
    offset: np.ndarray = field(default_factory=lambda: np.zeros(1))


@dataclass(eq=False)
class _Step:
    """A convolution of a network, with its calls."""

    layer: Any
    calls: list[_Call] = field(default_factory=list)

    @property
    def variables(self) -> Sequence[Any]:
        """Its kernels."""
        if isinstance(self.layer, keras.layers.SeparableConv2D):
            return (self.layer.depthwise_kernel, self.layer.pointwise_kernel)
        return (self.layer.kernel,)


def read_back(model: keras.Model, content: bytes, pictures: np.ndarray) -> None:
    """Give a model, built as that of a file, the file's weights; ValueError where it is another network.

    `pictures` uint8 [n, S, S, 3] are those on which the normalisations are measured.
    """
    kernels, done = read_kernels(content), set[int]()
    given = {layer.name for layer in model._flatten_layers() if not _is_numbered(layer)}
    calls, paired = [], list[tuple[Any, Kernel]]()
    for step in _steps(model, pictures[:1]):
        for variable in step.variables:
            around = [part for part in variable.path.split("/") if part in given]
            found = _taken(kernels, step, variable, around)
            variable.assign(found[0].values / (_scale(model) if found[0].of_pictures else 1))
            done.add(id(variable))
        if step.layer.use_bias:
            # A hard sigmoid adds 3 first, which the converter puts into the offset.
            three = 3 if re.search(r"hard_sigmoid\w*/add", found[0].called) else 0
            step.layer.bias.assign(found[0].offset - three)
            done.add(id(step.layer.bias))
        for call, kernel in zip(step.calls, found):
            paired.append((step.layer if call.normalisation is None else call.normalisation, kernel))
            if call.normalisation is not None:
                call.factor, call.offset = _factor(kernel, found[0]), kernel.offset
                _set(call, np.zeros_like(call.offset), np.ones_like(call.offset))
                done |= {id(weight) for weight in call.normalisation.weights}
                calls.append(call)
            elif not step.layer.use_bias and np.abs(kernel.offset).max(initial=0) > 1e-6:
                raise ValueError(f"{step.layer.name} has no offset in the network, and one in the file")
    if kernels:
        raise ValueError(f"the file has {len(kernels)} convolutions more than the network")
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.name not in CLASSIFIER_TOPS]
    if left := [one.path for layer in layers for one in layer.trainable_weights if id(one) not in done]:
        raise ValueError(f"{left[0]} is not in the file")
    _measure(model, calls, pictures)
    given_by = _given_by(model, [layer for layer, _ in paired], pictures[:1])
    linear = [(kernel.output, given_by[id(layer)]) for layer, kernel in paired if kernel.linear]
    check_agrees(content, pictures[:1], linear)


def read_kernels(content: bytes) -> list[Kernel]:
    """Read the convolutions of a .tflite file's first graph, in the order in which they are computed."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    graph = model.subgraphs[0]
    operators = [
        (names[max(code.builtinCode, code.deprecatedBuiltinCode)], operator)
        for operator in graph.operators
        for code in [model.operatorCodes[operator.opcodeIndex]]
    ]
    # Kernels of 16 bits are widened by an operator.
    widened = {int(one.outputs[0]): int(one.inputs[0]) for name, one in operators if name == "DEQUANTIZE"}
    found, pictures = list[Kernel](), {int(index) for index in graph.inputs}
    for name, operator in operators:
        if name in _AS_THEY_ARE and int(operator.inputs[0]) in pictures:
            pictures.add(int(operator.outputs[0]))
        if name in _OPERATORS:
            kernel, offset, output = (int(index) for index in (*operator.inputs[1:3], operator.outputs[0]))
            values = _constant(model, graph.tensors[widened.get(kernel, kernel)])
            # [O, H, W, I], or [1, H, W, I] of a depthwise one.
            values = values.transpose(1, 2, 3, 0) if values.ndim == 4 else values
            added = _constant(model, graph.tensors[widened.get(offset, offset)])
            called = ";".join(graph.tensors[index].name.decode() for index in (kernel, offset, output))
            linear = operator.builtinOptions.fusedActivationFunction == schema.ActivationFunctionType.NONE
            found.append(Kernel(values, added, called, int(operator.inputs[0]) in pictures, output, linear))
    return found


def _scale(model: keras.Model) -> np.ndarray:
    """Give what a network multiplies pictures by before all else: a converter may have put it into the first kernel."""
    scales = [one.scale for one in model._flatten_layers() if isinstance(one, keras.layers.Rescaling)]
    return np.asarray(scales[0] if scales else 1, np.float32).reshape(-1, 1)  # [I, 1] of a kernel [H, W, I, O]


def _given_by(model: keras.Model, layers: Iterable[Any], picture: np.ndarray) -> dict[int, list[np.ndarray]]:
    """Run a model; gives what layers gave, call by call, by their identity."""
    given: dict[int, list[np.ndarray]] = {id(layer): [] for layer in layers}

    def watch(layer: Any, _: Any, outputs: Any) -> None:
        if id(layer) in given:
            given[id(layer)].append(np.asarray(outputs, np.float32))

    _run(model, picture, watch)
    return given


def _constant(model: Any, tensor: Any) -> np.ndarray:
    """The values of a constant tensor, float32: whole numbers times their scale, which may differ by channel."""
    kinds = {code: name for name, code in vars(schema.TensorType).items()}
    data = model.buffers[tensor.buffer].data
    if data is None or kinds[tensor.type] not in _SCALES:
        raise ValueError(f"{tensor.name.decode()} is no constant of the file")
    values = np.asarray(data, np.uint8).view(_SCALES[kinds[tensor.type]]).reshape(tensor.shape).astype(np.float32)
    scale = None if tensor.quantization is None else tensor.quantization.scale
    if scale is None or not len(scale):
        return values
    shape = [1] * values.ndim
    shape[tensor.quantization.quantizedDimension] = len(scale)
    return values * np.asarray(scale, np.float32).reshape(shape)


def _taken(kernels: list[Kernel], step: _Step, variable: Any, around: Iterable[str]) -> list[Kernel]:
    """Take the file's first kernels of a layer's name and shape, one for each of its calls, out of the list.

    `around` are the names that layers around it were given.
    """
    shape, taken = tuple(variable.shape), list[Kernel]()
    for call in step.calls:
        named = [step.layer, *([call.normalisation] if len(step.calls) > 1 and call.normalisation is not None else [])]
        fitting = [one for one in kernels if one.values.shape == shape and all(_is_called(one, part) for part in named)]
        if not fitting:
            raise ValueError(f"the file has no kernel {list(shape)} for {step.layer.name}")
        # Two heads may have layers of one name: the one in more of the layers around it is meant.
        best = max(fitting, key=lambda one: sum(_has(one, part) for part in around))
        kernels.remove(best)
        taken.append(best)
    return taken


def _is_called(kernel: Kernel, layer: Any) -> bool:
    """Tell whether the file's names of a kernel name a layer."""
    return _has(kernel, _kind(layer) if _is_numbered(layer) else layer.name)


def _is_numbered(layer: Any) -> bool:
    """Tell whether a layer was given no name: it is numbered then, by how many were made before in that process."""
    return re.fullmatch(rf"{_kind(layer)}(_\d+)*", layer.name) is not None


def _kind(layer: Any) -> str:
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower()


def _has(kernel: Kernel, name: str) -> bool:
    return re.search(rf"(^|[/;]){re.escape(name)}(_\d+)*[/;]", kernel.called) is not None


def _factor(kernel: Kernel, base: Kernel) -> np.ndarray:
    """Give what a kernel is of another one, channel by channel: normalisations of one layer differ by that."""
    channels = len(kernel.offset)
    values, others = kernel.values.reshape(-1, channels), base.values.reshape(-1, channels)
    square = (others**2).sum(axis=0)
    return np.divide((values * others).sum(axis=0), square, out=np.ones(channels), where=square > 0)


def _set(call: _Call, mean: np.ndarray, variance: np.ndarray) -> None:
    """Let a normalisation by such statistics multiply by the factor, add the offset, and change nothing else."""
    layer = call.normalisation
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
    layer.gamma.assign(call.factor * np.sqrt(variance + layer.epsilon))
    layer.beta.assign(call.offset + call.factor * mean)


def _steps(model: keras.Model, pictures: np.ndarray) -> list[_Step]:
    """Run a model; gives its convolutions in the order of their first calls."""
    steps: dict[int, _Step] = {}

    def watch(layer: Any, inputs: Any, outputs: Any) -> None:
        if isinstance(layer, _Convolution):
            steps.setdefault(id(layer), _Step(layer)).calls.append(_Call(outputs))
            return
        for call in (call for step in steps.values() for call in step.calls if call.output is inputs):
            call.normalisation = layer

    _run(model, pictures, watch)
    return list(steps.values())


def _measure(model: keras.Model, calls: list[_Call], pictures: np.ndarray) -> None:
    """Set each normalisation by the mean and the variance of what reaches it."""
    sums = {id(call.normalisation): np.zeros((2, len(call.offset))) for call in calls}
    counts = dict.fromkeys(sums, 0)

    def watch(layer: Any, inputs: Any, outputs: Any) -> None:
        if id(layer) in sums:
            values = np.asarray(inputs, np.float64).reshape(-1, inputs.shape[-1])
            sums[id(layer)] += np.stack([values.sum(axis=0), (values**2).sum(axis=0)])
            counts[id(layer)] += len(values)

    for start in range(0, len(pictures), BATCH):
        _run(model, pictures[start : start + BATCH], watch)
    for call in calls:
        mean, square = sums[id(call.normalisation)] / counts[id(call.normalisation)]
        _set(call, mean, np.maximum(square - mean**2, 0))


def _run(model: keras.Model, pictures: np.ndarray, watch: Any) -> None:
    """Run a model as it predicts, and show each convolution and normalisation with what it took and gave."""
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, _Convolution | keras.layers.BatchNormalization) and layer.name not in CLASSIFIER_TOPS
    ]

    def watched(layer: Any, call: Any) -> Any:
        def run(inputs: Any, *more: Any, **options: Any) -> Any:
            outputs = call(inputs, *more, **options)
            watch(layer, inputs, outputs)
            return outputs

        return run

    calls = [(layer, layer.call) for layer in layers]
    try:
        for layer, call in calls:
            layer.call = watched(layer, call)
        model(pictures, training=False)
    finally:
        for layer, call in calls:
            layer.call = call
