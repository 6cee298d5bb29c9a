"""What all exported models share: the names of their signatures, and a network apart from the arithmetic behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SIGNATURE = "serving_default"
"""Name of every model's first signature: what runners run."""
IMAGE = "image"
"""Name of every signature's input: uint8 [B, S, S, 3], RGB in 0..255."""
IMAGE_DESCRIPTION = "[B, S, S, 3], RGB, 0 to 255"

Tensors = dict[str, Any]
"""TensorFlow's tensors by name."""


@dataclass(frozen=True)
class Stages:
    """A model cut in two, since quantisation is for the network and not for the arithmetic behind it.

    Attributes:
        body: from float32 pictures [B, S, S, 3] to {name: tensor}; what is quantised.
        tails: by signature, from those tensors by name to its outputs by name; they stay float32. Empty where the
            body itself gives those of `SIGNATURE`.
    """

    body: Callable[[Any], Tensors]
    tails: Mapping[str, Callable[..., Tensors]] = field(default_factory=dict)

    def serve(self, signature: str = SIGNATURE) -> Callable[[Any], Tensors]:
        """Give the whole function of a signature, from float32 pictures to its outputs by name."""
        if not self.tails:
            return self.body
        return lambda image: self.tails[signature](**self.body(image))
