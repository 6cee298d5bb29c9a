"""Runs Keras models, of any task."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ...trainers.geometry import height_width
from ..signatures import SIGNATURE, Tensors
from ..tasks.base import ExportTask, Facts
from .base import Runner


class KerasRunner(Runner):
    """Runs a Keras model, as `load_keras` gives it, with what is known about it; by default what it says itself."""

    kind = "keras"

    def __init__(self, model: keras.Model, path: str | Path, task: ExportTask, *, facts: Facts | None = None):
        size = task.keras_size(model)
        if size is None:
            raise ValueError(f"{path} is no {task.name} model")
        super().__init__(task, path, size=size, facts=facts or task.keras_facts(model))
        self.model = model
        stages = task.whole(model)

        def function(signature: str) -> Callable[[np.ndarray], Tensors]:
            @tf.function(input_signature=[tf.TensorSpec((None, *height_width(size), 3), tf.uint8)], autograph=False)
            def run(image: tf.Tensor) -> Tensors:
                return stages.serve(tf.cast(image, tf.float32), signature)

            return run

        self._functions = {signature: function(signature) for signature in stages.tails or (SIGNATURE,)}

    def _run(self, images: np.ndarray, signature: str = SIGNATURE) -> dict[str, np.ndarray]:
        return {name: found.numpy() for name, found in self._functions[signature](images).items()}
