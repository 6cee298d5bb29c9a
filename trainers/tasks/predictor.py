"""What finds something in pictures."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from ..geometry import InputSize, height_width, input_size
from ..models.detector.suppression import Suppression


class Predictor(Protocol):
    """A `CompiledModel`, or a runner of an exported file: uint8 pictures [B, h, w, 3] to NumPy arrays."""

    size: InputSize
    resizing: str
    class_names: Sequence[str]
    suppression: Suppression | None  # of a detector

    def __call__(self, images: np.ndarray) -> Any:
        """Give what is found in a batch."""


@dataclass
class CompiledModel:
    """A Keras model as a `Predictor`."""

    run: Callable[[np.ndarray], Any]
    size: InputSize
    resizing: str
    class_names: Sequence[str] = ()
    suppression: Suppression | None = None

    def __call__(self, images: np.ndarray) -> Any:
        """Give what is found in a batch."""
        return self.run(images)


def traced_once(function: Callable[[tf.Tensor], Any], size: InputSize) -> Callable[[tf.Tensor], Any]:
    """Compile what takes pictures uint8 [B, h, w, 3] of a size, for any B at once.

    A last batch of fewer pictures is then no reason to trace again. TensorFlow, which takes the functions of several
    models for one, would warn of each. Converting Python's control flow costs time, and Keras does without as well.
    """
    pictures = tf.TensorSpec((None, *height_width(size), 3), tf.uint8)
    return tf.function(function, input_signature=[pictures], autograph=False).get_concrete_function()


def traced_by_size(function_at: Callable[[InputSize], Callable[[tf.Tensor], Any]]) -> Callable[[np.ndarray], Any]:
    """Compile what takes pictures uint8 [B, h, w, 3] of any size, once for each; `function_at` gives its function."""

    @functools.cache
    def compiled(size: InputSize) -> Callable[[tf.Tensor], Any]:
        return traced_once(function_at(size), size)

    return lambda images: compiled(input_size(images.shape[1:3]))(tf.convert_to_tensor(images))


AnyModel = keras.Model | Predictor
