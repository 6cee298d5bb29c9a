"""The vocabulary of data: a source is a sequence of examples with a name, whatever lies behind it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..geometry import IGNORE as IGNORE
from .images import Seen
from .pixel_files.coding import FileCoding

if TYPE_CHECKING:
    from .scan.looks import Looks

NEEDS = ("mask", "labels", "boxes", "none")
"""What a caller can ask every example to have; `none` means pictures only."""

PLURALS = {"mask": "masks", "labels": "labels", "boxes": "boxes", "none": "pictures"}
"""What is needed, in words."""

SEPARATOR = " + "
"""What stands between sources that are to be one."""


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """Where a picture stands in a clip.

    Attributes:
        clip: the clip's name, unique within its source.
        number: from 0.
        motion: float32 [H, W, 2], what leads from each pixel to where it was in the frame before, (x, y) in pixels, NaN
            where that is not known, as in all of the first frame; None where no motion of the clip is known.
    """

    clip: str
    number: int
    motion: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Example:
    """One picture and what is known about it.

    Attributes:
        image: uint8 [H, W, 3], RGB; of a large picture a smaller version, see `large.reduction`.
        mask: uint8 [H, W] with 0 background, 1 salient, 255 ignore; or None.
        labels: uint8 [H, W], the class of each pixel (255 ignore); or None.
        boxes: float32 [n, 4] as (x0, y0, x1, y1) in pixels, x1 and y1 exclusive; or None.
        classes: int32 [n], the class of each box, an index into the source's `class_names`; or None.
        name: unique within its source, the same in every run.
        difficult: bool [n], boxes that neither train nor count because even people find them hard (VOC); None is none.
        crowd: bool [n], boxes around many objects at once, which neither train nor count (COCO); None is none.
        areas: float32 [n], the pixels of each object itself, where the data say so (COCO); None leaves the boxes' own.
        repairs: what was mended on reading, a few words for each time.
        adapted: what was done to it because the user asked for it, a few words each.
        own_size: (H, W) of the picture itself, which mask, labels and boxes are for; None where `image` has it.
        frame: where it stands in a clip; None of single pictures.
    """

    image: np.ndarray
    mask: np.ndarray | None = None
    labels: np.ndarray | None = None
    boxes: np.ndarray | None = None
    classes: np.ndarray | None = None
    name: str = ""
    difficult: np.ndarray | None = None
    crowd: np.ndarray | None = None
    areas: np.ndarray | None = None
    repairs: tuple[str, ...] = ()
    adapted: tuple[str, ...] = ()
    own_size: tuple[int, int] | None = None
    frame: ClipFrame | None = None

    @property
    def size(self) -> tuple[int, int]:
        """The picture's own (height, width)."""
        return self.own_size or (self.image.shape[0], self.image.shape[1])


def follows(before: Example | None, now: Example) -> bool:
    """Tell whether an example is the next frame of the clip that another one is of, and of its size."""
    return (
        before is not None
        and before.frame is not None
        and now.frame is not None
        and (before.frame.clip, before.frame.number + 1) == (now.frame.clip, now.frame.number)
        and before.size == now.size
    )


def example_of(seen: Seen, **known: Any) -> Example:
    """Make the example of a picture as networks see it, and of what is known about it."""
    size = (seen.image.shape[0], seen.image.shape[1])
    return Example(seen.image, own_size=None if size == seen.size else seen.size, **known)


@dataclass(frozen=True, eq=False)
class Ids:
    """How the data's own file numbers pictures, by their names, and classes, by theirs."""

    pictures: Mapping[str, int | str]
    classes: Mapping[str, int | str]


def ignored_boxes(example: Example) -> np.ndarray:
    """Tell which boxes of an example neither train nor count, the difficult ones and the crowds: bool [n]."""
    ignored = np.zeros(0 if example.boxes is None else len(example.boxes), bool)
    for where in (example.difficult, example.crowd):
        if where is not None:
            ignored |= where
    return ignored


class Source(ABC):
    """A sequence of examples with random access.

    Attributes:
        name: the text that `open_source` takes.
        class_names: the names of the classes, by index; empty where there are none.
        names: the name of every example, by index, known without loading it.
        box_counts: the number of boxes of each example as written, before any is left out; None where not known.
        box_bound: the most boxes that any example can have, where that is known without the counts.
        structural_faults: (name, sentence) for what no example stands for, such as a mask without a picture.
        repaired: what was mended in all examples together -> how often; `Example.repairs` tells it by example.
        notes: what is no fault and yet worth knowing, a sentence each.
        recognised: which layout was recognised where none was named, a line for each source.
        ids: how the data themselves number pictures and classes, where they do (COCO).
        ignores: whether 255 in its label files is known to mean ignore, so that nobody need ask what it means.
        files: how its files are read; `open_source` says it.
        left_out: the names of examples that were left out of it, because they could not be used.
        since: the time in nanoseconds before anything of it was read, which `open_source` says; 0 where not known.
        digest: what tells the data from others, where they say it themselves (packed data).
    """

    name: str
    class_names: tuple[str, ...]
    names: Sequence[str]
    box_counts: Sequence[int] | np.ndarray | None = None
    box_bound: int | None = None
    structural_faults: Sequence[tuple[str, str]] = ()
    repaired: Mapping[str, int] = {}
    notes: Sequence[str] = ()
    recognised: Sequence[str] = ()
    ids: Ids | None = None
    ignores: bool = False
    files: FileCoding = FileCoding()
    left_out: Sequence[str] = ()
    since: int = 0
    digest: str = ""

    @abstractmethod
    def __len__(self) -> int:
        """Give the number of examples."""

    @abstractmethod
    def load(self, index: int) -> Example:
        """Load one example, the same bytes every time; thread-safe. DataError where its files cannot be used."""

    def own_names(self) -> Sequence[str]:
        """Give the names of the examples without what tells the parts of joined sources apart."""
        return self.names

    def partner_name(self, index: int) -> str:
        """Name the mask or label file of an example, or the example where there is no such file."""
        return self.names[index]

    def picture_file(self, index: int) -> Path | None:
        """Give the file of an example's picture, where it has one of its own that is the whole picture."""
        return None

    def record(self, index: int) -> "tuple[Recorded, int] | None":
        """Give the packed source that an example is read from, and its number there; None where it is no such one."""
        return None

    def doubts(self) -> Sequence[str]:
        """Say, once all examples were loaded, what only all of them show to be wrong: a sentence each."""
        return ()

    def seen(self) -> "Looks | None":
        """Give what was seen of all examples when they were written; None where a scan has to look at them."""
        return None

    # What a scan that is kept has to know, see `scan.kept`.

    def reading(self) -> object:
        """Give what decides, besides its own files, what is found in an example, for `scan.description`.

        None where that is not known: then no scan of the source is kept.
        """
        return None

    def files_of(self, indices: np.ndarray) -> Iterable[Sequence[str]]:
        """Give the paths of the files that each of the examples int [k] is read from.

        There are none where what is found in an example is not kept.
        """
        return ((),) * len(indices)

    def files_of_all(self) -> Sequence[str]:
        """Give the paths of the files that all examples hang on."""
        return ()

    def learnt(self) -> Mapping[str, np.ndarray]:
        """Give what loading examples has told the source, a row for each example in each array."""
        return {}

    def recall(self, indices: np.ndarray, learnt: Mapping[str, np.ndarray]) -> None:
        """Take back what was `learnt`, the rows of the examples int [k] alone, as if these had been loaded."""
        assert not learnt, f"{self.name} learns nothing"


class Recorded(Source):
    """A source whose examples are records of files, which TensorFlow's ops can read and decode beforehand."""

    @abstractmethod
    def place(self, index: int) -> tuple[str, int, int]:
        """Give the TFRecord file of an example, where its record begins, and its bytes; "" where it is in no such."""

    @abstractmethod
    def lent(self, index: int, held: Sequence[np.ndarray]) -> AbstractContextManager[None]:
        """Let this thread's `load` of one example take what is decoded already, see `packed.records.Held`."""


class View(Source):
    """Another source, whose examples are changed when they are loaded; the rest is as that source has it."""

    def __init__(self, source: Source):
        self.source = source
        self.name, self.class_names, self.names = source.name, source.class_names, source.names
        self.box_counts, self.box_bound = source.box_counts, source.box_bound
        self.structural_faults, self.repaired, self.notes = source.structural_faults, source.repaired, source.notes
        self.recognised, self.ignores, self.ids = source.recognised, source.ignores, source.ids
        self.left_out = source.left_out
        self.since = source.since
        self.digest = source.digest

    def __len__(self) -> int:
        return len(self.source)

    def own_names(self) -> Sequence[str]:
        """As the source has them."""
        return self.source.own_names()

    def partner_name(self, index: int) -> str:
        """As the source has it."""
        return self.source.partner_name(index)

    def picture_file(self, index: int) -> Path | None:
        """As the source has it."""
        return self.source.picture_file(index)

    def record(self, index: int) -> tuple[Recorded, int] | None:
        """As the source has it."""
        return self.source.record(index)

    def doubts(self) -> Sequence[str]:
        """As the source has them."""
        return self.source.doubts()

    def files_of(self, indices: np.ndarray) -> Iterable[Sequence[str]]:
        """As the source has them."""
        return self.source.files_of(indices)

    def files_of_all(self) -> Sequence[str]:
        """As the source has them."""
        return self.source.files_of_all()

    def learnt(self) -> Mapping[str, np.ndarray]:
        """As the source has it."""
        return self.source.learnt()

    def recall(self, indices: np.ndarray, learnt: Mapping[str, np.ndarray]) -> None:
        """As the source does."""
        self.source.recall(indices, learnt)
