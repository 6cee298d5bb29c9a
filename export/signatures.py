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
"""Name of the input of signatures that take pixels: RGB in 0..255, uint8 [B, S, S, 3], of `PICTURES` [B, H, W, 3]."""

PICTURES = "pictures"
"""The signature of a SavedModel that takes pixels of pictures of any one size, and answers in their own pixels."""
ENCODED = "encoded_pictures"
"""The one that takes the bytes of JPEG and PNG files, each of a size of its own, and answers in their own pixels."""
IMAGE_BYTES = "image_bytes"
"""Name of its input: string [B]."""

INPUTS = {
    PICTURES: {IMAGE: "[B, H, W, 3], RGB, 0 to 255, any H and W, the same for all of a call"},
    ENCODED: {IMAGE_BYTES: "[B], the bytes of JPEG or PNG files, each of any size; EXIF turns them"},
}
"""Description of the inputs of these two by name."""
SIZE_OUTPUTS = {"height": "[B], of each picture in pixels, upright", "width": "[B]"}
"""Description of what every `ENCODED` gives besides its task's outputs."""

Tensors = dict[str, Any]
"""TensorFlow's tensors by name."""

Signature = tuple[Callable[..., Tensors], Mapping[str, Any]]
"""A function of named tensors, and what they are: their TensorSpecs."""


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
