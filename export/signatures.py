"""What all exported models share: the names of their signatures, and a network apart from the arithmetic behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    KerasModel = keras.Model
else:
    KerasModel = Any  # a name for annotations, since what runs .tflite files imports no Keras

SIGNATURE = "serving_default"
"""Name of every model's first signature: what runners run."""
IMAGE = "image"
"""Name of every signature's input: uint8 [B, S, S, 3], RGB in 0..255."""

Tensors = dict[str, Any]
"""TensorFlow's tensors by name."""


@dataclass(frozen=True)
class Stages:
    """A model cut in two, since quantisation is for the network and not for the arithmetic behind it.

    Attributes:
        body: from an `image` float32 [B, S, S, 3] to {name: tensor}; what is quantised.
        tails: by signature, from those tensors by name to its outputs by name; they stay float32. Empty where the
            body itself gives those of `SIGNATURE`.
    """

    body: Callable[..., Tensors]
    tails: Mapping[str, Callable[..., Tensors]] = field(default_factory=dict)

    def serve(self, image: Any, signature: str = SIGNATURE) -> Tensors:
        """Give a signature's outputs by name."""
        found = self.body(image=image)
        return self.tails[signature](**found) if self.tails else found
