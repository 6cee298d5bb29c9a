"""TensorFlow functions written as SavedModels, their weights as constants."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ..signatures import IMAGE, SIGNATURE, Signature, Stages, Tensors

Further = Callable[[Callable[[tf.Tensor], Tensors]], Mapping[str, Signature]]
"""Makes signatures by name, from the function of `SIGNATURE`."""


def write_stages(
    stages: Stages, path: str | Path, specs: Mapping[str, tf.TensorSpec], further: Further | None = None
) -> dict[str, tf.TensorSpec]:
    """Write a SavedModel with a signature for each tail, of inputs `specs`, and further ones.

    Gives specs of the body's outputs.
    """
    # An `image` of any number type reaches the body as float32; the weights are written once, which is much faster.
    given = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()]

    @tf.function(input_signature=given, autograph=False)
    def with_variables(*tensors: tf.Tensor) -> Tensors:
        named = dict(zip(specs, tensors))
        return stages.body(**{name: tf.cast(one, tf.float32) if name == IMAGE else one for name, one in named.items()})

    concrete = with_variables.get_concrete_function()
    outputs = {name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in concrete.structured_outputs.items()}
    frozen = convert_variables_to_constants_v2(concrete)

    def signature(tail: Callable[..., Tensors] | None) -> Any:
        @tf.function(input_signature=given, autograph=False)
        def constant(*tensors: tf.Tensor) -> Tensors:
            # Frozen functions give a list in the order of the sorted names.
            found = dict(zip(sorted(outputs), frozen(*tensors)))
            found = {name: tf.ensure_shape(found[name], spec.shape) for name, spec in outputs.items()}
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
