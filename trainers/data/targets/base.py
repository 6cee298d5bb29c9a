"""What is known about pictures and learnt from them: taken out of examples, checked, fitted, varied, drawn."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from ...errors import DataError
from ...geometry import InputSize, height_width
from ..augmentation.settings import ColourSettings
from ..example import Example, Source
from ..fit import fit_image, fit_labels
from ..ragged import Ragged

Arrays = tuple[np.ndarray, ...]
SettingsT = TypeVar("SettingsT", bound=ColourSettings)

MOST_LISTED = 12
"""Of more classes the numbers are not listed."""


@dataclass(frozen=True)
class Array:
    """One array of a batch's targets: shape of one picture, dtype in memory, and the dtype that a model is `given`."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    given: str


class Facts(ABC):
    """What a scan finds out about one kind of target: of an example, or of all of them, added up from their rows."""

    @abstractmethod
    def row(self) -> Sequence[int]:
        """Write the facts of one example as whole numbers, at least one."""

    @classmethod
    @abstractmethod
    def of_rows(cls, rows: Ragged, classes: int) -> Self:
        """Add up the facts of examples, a row each, whose source has so many classes."""

    def line(self, class_names: Sequence[str]) -> str:
        """Say what there is, in one line; empty where there is nothing to say."""
        return ""

    def by_class(self, class_names: Sequence[str]) -> dict[str, str]:
        """Say how much there is of each class, heading -> text."""
        return {}

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

    Pictures are uint8 [H, W, 3], RGB; large ones are smaller than their masks, and boxes are in the pixels given. The
    input of a network is uint8 [h, w, 3] of an `InputSize`; `resizing` is `pad` or `stretch`, see `fit_image`. Nothing
    is changed in place.

    Attributes:
        name: the field of `Example` that holds it.
        drawn: how a contact sheet shows it.
    """

    name: ClassVar[str]
    drawn: ClassVar[str]

    def of(self, example: Example, source: Source) -> Arrays:
        """Take the parts out of an example; a DataError that names the source where it has no such target."""
        values = getattr(example, self.name)
        if values is None:
            raise DataError(f"{example.name} of {source.name} has no {self.name}: choose a source that has them")
        return (values,)

    def values(self, example: Example) -> np.ndarray:
        """Give the field of an example that is known to have it."""
        values: np.ndarray = getattr(example, self.name)
        return values

    @abstractmethod
    def fit(self, image: np.ndarray, parts: Arrays, size: InputSize, resizing: str) -> Arrays:
        """Bring a picture and its parts to the input, the parts in its pixels; UsageError as `fit_image`."""

    @abstractmethod
    def unfit(self, found: Any, size: InputSize, resizing: str, shape: tuple[int, int]) -> Any:
        """Bring what was found in one input back to the pixels of its picture of `shape` (height, width).

        From saliency float32 [h, w], scores of classes float32 [h, w, C], or (boxes [K, 4], scores [K],
        classes [K], count), how many of the K are boxes; to float32 [height, width], float32 [height, width, C], or
        (boxes float32 [count, 4], scores [count], classes [count]).
        """

    @abstractmethod
    def augment(
        self,
        image: np.ndarray,
        parts: Arrays,
        size: InputSize,
        resizing: str,
        rng: np.random.Generator,
        augmentation: SettingsT,
        wanted: int | None = None,
    ) -> Arrays:
        """Vary a picture and its parts alike, and bring them to the input as `fit` does.

        The same state of `rng` gives the same bytes. Of class maps, at least one pixel of the class `wanted` stays.
        """

    def mix(
        self,
        own: Arrays,
        beside: Sequence[Arrays],
        over: Sequence[Arrays],
        size: InputSize,
        resizing: str,
        rng: np.random.Generator,
        augmentation: SettingsT,
    ) -> Arrays:
        """Make one example of several, each a picture and its parts, as `augment` does of one.

        A mosaic of `own` and the three `beside` it, or `own` where there are none, with the one `over` it where there
        is one. Asked for only where `augmentation.mixed` says so.
        """
        raise NotImplementedError(f"pictures with {self.name} are not mixed")

    @abstractmethod
    def layout(self, size: InputSize, room: int) -> tuple[Array, ...]:
        """Say what stands in a batch beside pictures of a size, with `room` for boxes in each."""

    def room(self, source: Source, wanted: int | None = None) -> int:
        """Give the room for boxes in each picture: what is wanted, from 1, or what the source needs."""
        return 0

    def check_room(self, source: Source, index: int, parts: Arrays, room: int) -> None:
        """Refuse, by a DataError, an example with more boxes than there is room for."""

    def padded(self, parts: Arrays, room: int) -> Arrays:
        """Bring the parts of one picture to the shapes and dtypes of `layout`."""
        return parts

    @abstractmethod
    def check(self, example: Example, class_names: Sequence[str]) -> None:
        """Refuse, by a DataError, a target that does not fit its picture or holds what it must not."""

    @abstractmethod
    def facts(self, example: Example, class_names: Sequence[str]) -> Facts | None:
        """Look at a checked example that has the target; None where it says nothing."""

    @abstractmethod
    def of_rows(self, rows: Ragged, class_names: Sequence[str]) -> Facts:
        """Add up the facts of examples, given as `Facts.row` writes them."""

    @abstractmethod
    def caption(self, example: Example, class_names: Sequence[str]) -> list[str]:
        """Say what there is in an example that has the target, a few words each."""

    @abstractmethod
    def draw(self, canvas: np.ndarray, example: Example, class_names: Sequence[str]) -> None:
        """Draw an example's target into its picture uint8 [h, w, 3] of any size; a first class background stays."""


class PixelTarget(Target[SettingsT]):
    """A value for each pixel, uint8 [H, W], 255 (ignore) beside or below a padded picture."""

    def fit(self, image: np.ndarray, parts: Arrays, size: InputSize, resizing: str) -> Arrays:
        """As `Target.fit`."""
        own = (parts[0].shape[0], parts[0].shape[1])
        return fit_image(image, size, resizing, own), fit_labels(parts[0], size, resizing)

    def layout(self, size: InputSize, room: int) -> tuple[Array, ...]:
        """Give one array, int32 [h, w]."""
        return (Array(self.name, height_width(size), "uint8", "int32"),)


def listed(texts: Sequence[str], class_names: Sequence[str]) -> str:
    """List what there is of each class, cut after `MOST_LISTED`."""
    more = len(class_names) - MOST_LISTED
    return ", ".join(texts[:MOST_LISTED]) + (f", ... and {more} more" if more > 0 else "")


def absent_note(kind: str, absent: Sequence[str]) -> str:
    """Say of which classes there is nothing."""
    return f"no {kind} of {', '.join(absent[:5])}" + (f" and {len(absent) - 5} more" * (len(absent) > 5))
