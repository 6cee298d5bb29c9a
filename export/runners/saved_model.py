"""Runs SavedModels with TensorFlow, of any task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...trainers.errors import DataError, UsageError, first_line
from ..card import ModelCard
from ..signatures import SIGNATURE
from ..tasks import alternatives, task_of_outputs
from .base import Runner
from .inspection import refuse_code


class SavedModelRunner(Runner):
    """Runs the signatures of a SavedModel; one that holds code is refused unless it is trusted."""

    kind = "saved_model"

    def __init__(self, path: str | Path, *, card: ModelCard | None = None, trust: bool = False):
        if not trust:
            refuse_code(Path(path))
        try:
            self._loaded = tf.saved_model.load(str(path))
            signature = self._loaded.signatures.get(SIGNATURE)
            inputs = signature.structured_input_signature[1] if signature is not None else {}
            outputs = signature.structured_outputs if signature is not None else {}
            taken = [_shape(image.shape) for image in inputs.values()]
            shapes = {name: _shape(found.shape) for name, found in outputs.items()}
        # A damaged graph ends wherever TensorFlow stumbles, in any kind of error.
        except Exception as error:
            raise DataError(f"{path} cannot be read as a SavedModel ({first_line(error)}): export it again") from error
        if len(taken) != 1:
            raise UsageError(
                f"the signature {SIGNATURE} of {path} must have one input, got {len(taken)}: expected a "
                f"{alternatives()} model"
            )
        task, size = task_of_outputs(taken[0], shapes, path)
        super().__init__(task, path, size=size, card=card)
        self.trusted = trust

    @property
    def signatures(self) -> Mapping[str, Any]:
        """Its signatures by name, as TensorFlow has them."""
        return self._loaded.signatures

    def _run(self, images: np.ndarray, signature: str = SIGNATURE) -> dict[str, np.ndarray]:
        function = self._loaded.signatures[signature]
        ((name, spec),) = function.structured_input_signature[1].items()
        given = {name: tf.constant(images.astype(spec.dtype.as_numpy_dtype, copy=False))}
        try:
            return {name: found.numpy() for name, found in function(**given).items()}
        except tf.errors.InvalidArgumentError as error:
            raise DataError(f"{self.path} cannot be run ({first_line(error)}): export it again") from error


def _shape(shape: tf.TensorShape) -> list:
    """Give a TensorShape as a list; empty where even the rank is unknown."""
    return shape.as_list() if shape.rank is not None else []
