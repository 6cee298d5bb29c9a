"""What is known about pictures and learnt from them: taken out of examples, checked, fitted, varied, drawn."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from ...errors import DataError
from ..augmentation.settings import ColourSettings
from ..example import Example, Source

Arrays = tuple[np.ndarray, ...]
SettingsT = TypeVar("SettingsT", bound=ColourSettings)

MOST_LISTED = 12
"""Of more classes the numbers are not listed."""


@dataclass(frozen=True)
class Array:
    """One array of a batch's targets.

    Attributes:
        name: what it is called, where a batch has several.
        shape: of one picture.
        dtype: as it is prepared and kept in memory.
        given: the dtype that a model gets.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    given: str


class Facts(ABC):
    """What a scan finds out about one kind of target; those of more examples are added up."""

    @abstractmethod
    def __add__(self, other: Self) -> Self:
        """Give the facts of the examples of both."""

    def line(self, class_names: Sequence[str]) -> str:
        """Say what there is, in one line; empty where there is nothing to say."""
        return ""

    @abstractmethod
    def notes(self, class_names: Sequence[str]) -> list[str]:
        """Say what is no fault and yet worth knowing, a sentence each."""

    @property
    @abstractmethod
    def hopeless(self) -> bool:
        """Whether there is nothing to be learnt from all of them together."""


class Target(ABC, Generic[SettingsT]):
    """One kind of target; a pure description without state.

    A target's `parts` are the arrays that belong to one picture: (mask uint8 [H, W],), (labels uint8 [H, W],), or
    (boxes float32 [n, 4], classes int32 [n]), in which boxes that neither train nor count have the class -2.

    Attributes:
        name: the field of `Example` that holds it.
        drawn: how a contact sheet shows it.
    """

    name: ClassVar[str]
    drawn: ClassVar[str]

    def of(self, example: Example, source: Source) -> Arrays:
        """Take the parts out of an example.

        Args:
            example: any example, not changed.
            source: where it comes from, for the error.

        Raises:
            DataError: the example has no such target.
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
            parts: as `of` gives them; not changed.
            size: side of the input, in pixels.
            resizing: `pad` or `stretch`, see `fit_image`.

        Returns:
            The picture, uint8 [size, size, 3], and its parts in pixels of the input.

        Raises:
            UsageError: no such resizing, or a size below 1.
        """

    @abstractmethod
    def unfit(self, found: Any, size: int, resizing: str, shape: tuple[int, int]) -> Any:
        """Bring what a network found in its input back to the pixels of the picture.

        Args:
            found: what was found in one picture: saliency float32 [size, size], scores of classes float32 [size, size,
                C], or (boxes [K, 4], scores [K], classes [K], count), how many of the K are boxes.
            size: side of the input, in pixels.
            resizing: as the picture was fitted.
            shape: (height, width) of the picture, in pixels.

        Returns:
            Saliency float32 [height, width], scores float32 [height, width, C], or (boxes float32 [count, 4], scores
            [count], classes [count]).

        Raises:
            UsageError: as `fit`.
        """

    @abstractmethod
    def augment(
        self,
        image: np.ndarray,
        parts: Arrays,
        size: int,
        resizing: str,
        rng: np.random.Generator,
        augmentation: SettingsT,
        wanted: int | None = None,
    ) -> Arrays:
        """Vary a picture and its parts alike, and bring them to the square input.

        Args:
            image: uint8 [H, W, 3], RGB; not changed.
            parts: as `of` gives them; not changed.
            size: side of the input, in pixels.
            resizing: `pad` or `stretch`, as in evaluation.
            rng: where the randomness comes from; the same state gives the same bytes.
            augmentation: what is varied, and how strongly.
            wanted: for class maps, a class of which at least one pixel must stay.

        Returns:
            As `fit`.

        Raises:
            UsageError: as `fit`.
        """

    @abstractmethod
    def layout(self, size: int, room: int) -> tuple[Array, ...]:
        """Say what stands in a batch beside pictures of `size` pixels a side, with `room` for boxes in each."""

    def room(self, source: Source, wanted: int | None = None) -> int:
        """Give the room for boxes in each picture of a batch: what is wanted, or what the source needs.

        Raises:
            UsageError: less than 1 is wanted.
            DataError: an example is known to have more boxes than that.
        """
        return 0

    def check_room(self, source: Source, index: int, parts: Arrays, room: int) -> None:
        """Refuse an example with more boxes than there is room for.

        Raises:
            DataError: it has more.
        """

    def padded(self, parts: Arrays, room: int) -> Arrays:
        """Bring the parts of one picture to the shapes and dtypes of `layout`."""
        return parts

    @abstractmethod
    def check(self, example: Example, class_names: Sequence[str]) -> None:
        """Refuse what cannot be used; the example must have the target.

        Raises:
            DataError: it does not fit its picture, or holds what it must not.
        """

    @abstractmethod
    def facts(self, example: Example, class_names: Sequence[str]) -> Facts | None:
        """Look at a checked example that has the target; None where it says nothing."""

    @abstractmethod
    def caption(self, example: Example, class_names: Sequence[str]) -> list[str]:
        """Say what there is in an example that has the target, a few words each."""

    @abstractmethod
    def draw(self, canvas: np.ndarray, example: Example, class_names: Sequence[str]) -> None:
        """Draw an example's target into its picture.

        Args:
            canvas: uint8 [h, w, 3], the picture in any size; drawn into.
            example: one that has the target.
            class_names: the names of the classes; a first one called background stays as it is.
        """


def listed(texts: Sequence[str], class_names: Sequence[str]) -> str:
    """List what there is of each class, cut after `MOST_LISTED`."""
    more = len(class_names) - MOST_LISTED
    return ", ".join(texts[:MOST_LISTED]) + (f", ... and {more} more" if more > 0 else "")


def absent_note(kind: str, absent: Sequence[str]) -> str:
    """Say of which classes there is nothing."""
    return f"no {kind} of {', '.join(absent[:5])}" + (f" and {len(absent) - 5} more" * (len(absent) > 5))
