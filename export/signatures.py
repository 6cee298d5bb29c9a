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

PROPOSALS = "proposals"
"""The signature of a detector of two stages that takes the same input and gives what the first stage proposes."""

INPUTS = {
    PICTURES: {IMAGE: "[B, H, W, 3], RGB, 0 to 255, any H and W, the same for all of a call"},
    PROPOSALS: {IMAGE: "[B, S, S, 3], RGB, 0 to 255"},
    ENCODED: {IMAGE_BYTES: "[B], the bytes of JPEG or PNG files, each of any size; EXIF turns them"},
}
"""Description of the inputs of these by name."""
SIZE_OUTPUTS = {"height": "[B], of each picture in pixels, upright", "width": "[B]"}
"""Description of what every `ENCODED` gives besides its task's outputs."""
PROPOSAL_OUTPUTS = {
    "proposals": "[B, R, 4], (x0, y0, x1, y1) in pixels of the S x S input, where an object of any class may be",
    "objectness": "[B, R], 0 to 1, in falling order",
    "proposal_count": "[B], how many of the R there are; behind them both are 0",
}
"""Description of what `PROPOSALS` gives."""

Tensors = dict[str, Any]
"""TensorFlow's tensors by name."""

Signature = tuple[Callable[..., Tensors], Mapping[str, Any]]
"""A function of named tensors, and what they are: their TensorSpecs."""


@dataclass(frozen=True)
class Step:
    """What follows the body of a model of several networks: a further network, or arithmetic between two.

    Attributes:
        function: from tensors by name to others by name.
        takes: the names of those that it takes, of all that the body and the steps before have given.
        network: whether it has weights, and is quantised as the body is; arithmetic stays float32.
    """

    function: Callable[..., Tensors]
    takes: tuple[str, ...]
    network: bool = False

    def taken(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Pick what it takes."""
        return {name: found[name] for name in self.takes}


@dataclass(frozen=True)
class Stages:
    """A model cut where quantisation ends and begins, since it is for networks and not for the arithmetic behind them.

    Attributes:
        body: from an `image` float32 [B, S, S, 3] to {name: tensor}; what is quantised.
        tails: by signature, from all that the body and the steps have given, by name, to its outputs by name; they stay
            float32. Empty where the body itself gives those of `SIGNATURE`.
        steps: what stands between body and tails, one behind the other; none in most models.
    """

    body: Callable[..., Tensors]
    tails: Mapping[str, Callable[..., Tensors]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    def serve(self, image: Any, signature: str = SIGNATURE) -> Tensors:
        """Give a signature's outputs by name."""
        found = self.body(image=image)
        for step in self.steps:
            found = found | step.function(**step.taken(found))
        return self.tails[signature](**found) if self.tails else found
