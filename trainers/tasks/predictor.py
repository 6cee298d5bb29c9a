"""What finds something in pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np


class Predictor(Protocol):
    """A `CompiledModel`, or a runner of an exported file: uint8 pictures [B, size, size, 3] to NumPy arrays."""

    size: int
    resizing: str
    class_names: Sequence[str]

    def __call__(self, images: np.ndarray) -> Any:
        """Give what is found in a batch."""


@dataclass
class CompiledModel:
    """A Keras model as a `Predictor`."""

    run: Callable[[np.ndarray], Any]
    size: int
    resizing: str
    class_names: Sequence[str] = ()

    def __call__(self, images: np.ndarray) -> Any:
        """Give what is found in a batch."""
        return self.run(images)


AnyModel = keras.Model | Predictor
