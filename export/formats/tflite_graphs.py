"""Counts, changes and joins .tflite files: a network bears 8 bits, the arithmetic behind it is converted apart."""

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from ...trainers.errors import MetricfitError


class AlignedBuilder(flatbuffers.Builder):
    """Aligns every vector to 16 bytes, as the schema asks for weights and flatbuffers' Python code ignores."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
        """Begin a vector; see `flatbuffers.Builder`."""
        return super().StartVector(elemSize, numElems, max(alignment, 16))


def unpacked(content: bytes) -> schema.ModelT:
    """Give a .tflite file's content as objects that can be changed."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def packed(model: schema.ModelT, size: int) -> bytes:
    """Give the .tflite file of such objects; `size` is about how many bytes it will have."""
    builder = AlignedBuilder(size)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def read_operators(path: str | Path) -> dict[str, int]:
    """Count the operators of a .tflite file by name; custom and TensorFlow ones as `CUSTOM:name`."""
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    model = unpacked(Path(path).read_bytes())
    found: Counter[str] = Counter()
    for operator in (operator for graph in model.subgraphs for operator in graph.operators or ()):
        code = model.operatorCodes[operator.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        found[f"CUSTOM:{(code.customCode or b'').decode()}" if name == "CUSTOM" else name] += 1
    return dict(sorted(found.items()))


def chain(first: bytes, second: bytes) -> bytes:
    """Append a graph to another some of whose outputs it takes; gives the outputs of both."""
    whole, added = unpacked(first), unpacked(second)
    graph, behind, links = _checked(whole, added, alone=True)
    own = list(graph.outputs)
    made = _append(whole, graph, added, behind, links, {0: 0}, 0)
    graph.outputs = [*own, *graph.outputs]
    whole.signatureDefs[0].outputs += made
    return packed(whole, len(first) + len(second))


def without_signature(content: bytes, key: str) -> bytes:
    """Take a signature out of a .tflite file, and its graph; the file as it is where there is none of that name."""
    model = unpacked(content)
    gone = [one.subgraphIndex for one in model.signatureDefs or () if one.signatureKey == key.encode()]
    if not gone:
        return content
    (place,) = gone
    model.signatureDefs = [one for one in model.signatureDefs if one.subgraphIndex != place]
    del model.subgraphs[place]
    for signature in model.signatureDefs:
        signature.subgraphIndex -= signature.subgraphIndex > place
    for options in (operator.builtinOptions for graph in model.subgraphs for operator in graph.operators or ()):
        if isinstance(options, schema.WhileOptionsT):
            options.condSubgraphIndex -= options.condSubgraphIndex > place
            options.bodySubgraphIndex -= options.bodySubgraphIndex > place
    return packed(model, len(content))


def join(body: bytes, tails: dict[str, bytes]) -> bytes:
    """Append tails, by signature, to the graph of the body whose outputs they take; its weights are there once."""
    whole = unpacked(body)
    graphs: list[schema.SubGraphT] = []
    loops: list[
        schema.SubGraphT
    ] = []  # what loops in the tails repeat: graphs of their own, behind those of signatures
    signatures: list[schema.SignatureDefT] = []
    for key, tail in tails.items():
        # Graphs name their weights by number: copies of the body's graph share them.
        first, second = unpacked(body), unpacked(tail)
        graph, added, links = _checked(first, second)
        buffers, place = {0: 0}, len(tails) + len(loops)  # buffer 0 is the empty one in every file
        for loop in second.subgraphs[1:]:
            _take_over(whole, second, loop, buffers, place - 1)
            loops.append(loop)
        outputs = _append(whole, graph, second, added, links, buffers, place - 1)
        signature = first.signatureDefs[0]
        signature.signatureKey, signature.subgraphIndex, signature.outputs = key.encode(), len(graphs), outputs
        graphs.append(graph)
        signatures.append(signature)
    whole.subgraphs, whole.signatureDefs = [*graphs, *loops], signatures
    return packed(whole, len(body) + sum(map(len, tails.values())))


def _append(
    whole: schema.ModelT,
    graph: schema.SubGraphT,
    second: schema.ModelT,
    added: schema.SubGraphT,
    links: dict[int, int],
    buffers: dict[int, int],
    shift: int,
) -> list[schema.TensorMapT]:
    """Append a graph of another file to one that becomes part of `whole`; gives its signature's outputs."""
    _take_over(whole, second, added, buffers, shift)
    place: dict[int, int] = {}
    for index, tensor in enumerate(added.tensors):
        if index in links:
            place[index] = links[index]
            continue
        place[index] = len(graph.tensors)
        graph.tensors.append(tensor)
    for operator in added.operators:
        # -1 stands for an input that is left out.
        operator.inputs = [place[int(index)] if index >= 0 else -1 for index in operator.inputs]
        operator.outputs = [place[int(index)] for index in operator.outputs]
    graph.operators += added.operators
    graph.outputs = [place[int(index)] for index in added.outputs]
    outputs = second.signatureDefs[0].outputs
    for output in outputs:
        output.tensorIndex = place[output.tensorIndex]
        graph.tensors[output.tensorIndex].name = output.name
    return outputs


def _take_over(
    whole: schema.ModelT, second: schema.ModelT, graph: schema.SubGraphT, buffers: dict[int, int], shift: int
) -> None:
    """Have a graph of another file speak of the operators, constants and graphs of `whole`, which get those it needs.

    Operators and `buffers` that were taken over before are known; its loops' graphs stand `shift` places further.
    """
    for tensor in graph.tensors:
        if tensor.buffer not in buffers:
            buffers[tensor.buffer] = len(whole.buffers)
            whole.buffers.append(second.buffers[tensor.buffer])
        tensor.buffer = buffers[tensor.buffer]
    offset = len(whole.operatorCodes)
    whole.operatorCodes += [copy.copy(code) for code in second.operatorCodes]
    for operator in graph.operators:
        operator.opcodeIndex += offset
        if operator.builtinOptionsType == schema.BuiltinOptions.WhileOptions:
            operator.builtinOptions.condSubgraphIndex += shift
            operator.builtinOptions.bodySubgraphIndex += shift


def _checked(
    first: schema.ModelT, second: schema.ModelT, *, alone: bool = False
) -> tuple[schema.SubGraphT, schema.SubGraphT, dict[int, int]]:
    """Give the two graphs, and which tensor of the first stands for which input of the second.

    Not `alone`, the second may have loops.
    """
    for model in (first, second):
        graphs, signatures = len(model.subgraphs), len(model.signatureDefs or ())
        if signatures != 1 or (graphs != 1 and (alone or model is first or not _only_loops(model))):
            raise MetricfitError(
                f"only files with one graph and one signature can be joined, got {graphs} and {signatures}: take "
                "control flow out of the model"
            )
    graph, added = first.subgraphs[0], second.subgraphs[0]
    given = {output.name: output.tensorIndex for output in first.signatureDefs[0].outputs}
    wanted = {entry.name: entry.tensorIndex for entry in second.signatureDefs[0].inputs}
    if not set(given) >= set(wanted):
        raise MetricfitError(f"the first file gives {sorted(given)}, the second one takes {sorted(wanted)}")
    for name in wanted:
        source, target = graph.tensors[given[name]], added.tensors[wanted[name]]
        if source.type != target.type or list(source.shape) != list(target.shape):
            raise MetricfitError(
                f"{name.decode()} has shape {list(source.shape)} and type {source.type} in the first file, "
                f"{list(target.shape)} and {target.type} in the second"
            )
    return graph, added, {wanted[name]: given[name] for name in wanted}


def _only_loops(model: schema.ModelT) -> bool:
    """Tell whether no operator but loops leads to other graphs, and the signature is of the first."""
    leading = {schema.BuiltinOperator.IF, schema.BuiltinOperator.CALL, schema.BuiltinOperator.CALL_ONCE}
    codes = {max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes}
    return not codes & leading and model.signatureDefs[0].subgraphIndex == 0
