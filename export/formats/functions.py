"""TensorFlow functions written as SavedModels, their weights as constants."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ..signatures import IMAGE, SIGNATURE, Signature, Stages, Step, Tensors

Further = Callable[[Callable[[tf.Tensor], Tensors]], Mapping[str, Signature]]
"""Makes signatures by name, from the function of `SIGNATURE`."""
Specs = Mapping[str, tf.TensorSpec]


def write_stages(
    stages: Stages, path: str | Path, specs: Mapping[str, tf.TensorSpec], further: Further | None = None
) -> Specs:
    """Write a SavedModel with a signature for each tail, of inputs `specs`, and further ones.

    Gives specs of what tails are told: of all that the body and the steps give.
    """
    # An `image` of any number type reaches the body as float32; the weights are written once, which is much faster.
    given = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()]

    def of_numbers(**named: tf.Tensor) -> Tensors:
        return stages.body(**{name: tf.cast(one, tf.float32) if name == IMAGE else one for name, one in named.items()})

    body, outputs = _frozen(of_numbers, specs)
    steps: list[tuple[Step, Callable[..., Tensors]]] = []
    for step in stages.steps:
        # Each network is frozen by itself: freezing takes loops apart, which arithmetic between them may have.
        function, made = _frozen(step.function, step.taken(outputs)) if step.network else _traced(step, outputs)
        steps.append((step, function))
        outputs = {**outputs, **made}

    def signature(tail: Callable[..., Tensors] | None) -> Any:
        @tf.function(input_signature=given, autograph=False)
        def constant(*tensors: tf.Tensor) -> Tensors:
            found = body(**dict(zip(specs, tensors)))
            for step, function in steps:
                found = found | function(**step.taken(found))
            return tail(**found) if tail else found

        return constant

    signatures = {name: signature(stages.tails.get(name)) for name in stages.tails or (SIGNATURE,)}
    for name, (function, inputs) in (further(signatures[SIGNATURE]) if further else {}).items():
        named = [tf.TensorSpec(spec.shape, spec.dtype, name=one) for one, spec in inputs.items()]
        signatures[name] = tf.function(function, input_signature=named, autograph=False)
    module = tf.Module()
    module.served = list(signatures.values())
    tf.saved_model.save(module, str(path), signatures=signatures)
    return outputs


def _frozen(function: Callable[..., Tensors], specs: Specs) -> tuple[Callable[..., Tensors], Specs]:
    """Give a function of named tensors with its variables as constants, and specs of its outputs."""
    concrete, outputs = _concrete(function, specs)
    frozen = convert_variables_to_constants_v2(concrete)

    def constant(**named: tf.Tensor) -> Tensors:
        # Frozen functions give a list in the order of the sorted names.
        found = dict(zip(sorted(outputs), frozen(*(named[name] for name in specs))))
        return {name: tf.ensure_shape(found[name], spec.shape) for name, spec in outputs.items()}

    return constant, outputs


def _traced(step: Step, given: Specs) -> tuple[Callable[..., Tensors], Specs]:
    """Give a step without variables as it is, and specs of its outputs."""
    return step.function, _concrete(step.function, step.taken(given))[1]


def _concrete(function: Callable[..., Tensors], specs: Specs) -> tuple[Any, Specs]:
    named = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()]

    @tf.function(input_signature=named, autograph=False)
    def of_tensors(*tensors: tf.Tensor) -> Tensors:
        return function(**dict(zip(specs, tensors)))

    concrete = of_tensors.get_concrete_function()
    found = concrete.structured_outputs.items()
    return concrete, {name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in found}
