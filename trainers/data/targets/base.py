"""What is known about pictures and learnt from them: taken out of examples, fitted to a network's input, and back."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from ...errors import DataError
from ..example import Example, Source

Arrays = tuple[np.ndarray, ...]


class Target(ABC):
    """One kind of target; a pure description without state.

    A target's `parts` are the arrays that belong to one picture: (mask uint8 [H, W],), (labels uint8 [H, W],), or
    (boxes float32 [n, 4], classes int32 [n]), in which boxes that neither train nor count have the class -2.

    Attributes:
        name: The field of `Example` that holds it.
    """

    name: ClassVar[str]

    def of(self, example: Example, source: Source) -> Arrays:
        """Take the parts out of an example.

        Args:
            example: Any example, not changed.
            source: Where it comes from, for the error.

        Raises:
            DataError: The example has no such target.
        """
        values = getattr(example, self.name)
        if values is None:
            raise DataError(f"{example.name} of {source.name} has no {self.name}: choose a source that has them")
        return (values,)

    @abstractmethod
    def fit(self, image: np.ndarray, parts: Arrays, size: int, resizing: str) -> Arrays:
        """Bring a picture and its parts to the square input of a network.

        Args:
            image: uint8 [H, W, 3], RGB; not changed.
            parts: As `of` gives them; not changed.
            size: Side of the input, in pixels.
            resizing: `pad` or `stretch`, see `fit.fit_image`.

        Returns:
            The picture, uint8 [size, size, 3], and its parts in pixels of the input.

        Raises:
            UsageError: No such resizing, or a size below 1.
        """

    @abstractmethod
    def unfit(self, found: Any, size: int, resizing: str, shape: tuple[int, int]) -> Any:
        """Bring what a network found in its input back to the pixels of the picture.

        Args:
            found: What was found in one picture: saliency float32 [size, size], scores of classes float32 [size, size,
                C], or (boxes [K, 4], scores [K], classes [K], count), how many of the K are boxes.
            size: Side of the input, in pixels.
            resizing: As the picture was fitted.
            shape: (height, width) of the picture, in pixels.

        Returns:
            Saliency float32 [height, width], scores float32 [height, width, C], or (boxes float32 [count, 4], scores
            [count], classes [count]).

        Raises:
            UsageError: As `fit`.
        """
