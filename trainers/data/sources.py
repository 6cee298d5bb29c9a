"""One vocabulary for data: a source is a sequence of examples with a name, whatever lies behind it.

`open_source("folder:photos:train")` parses, looks the kind up in `SOURCES` and opens it. Nothing heavy is imported
before a source of that kind is asked for.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ..errors import UsageError

IGNORE = 255
"""The value of mask and label pixels that neither train nor count."""

NEEDS = ("mask", "labels", "boxes", "none")
"""What a caller can ask every example to have; `none` means pictures only."""


@dataclass(frozen=True, eq=False)
class Example:
    """One picture and what is known about it.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        mask: uint8 [H, W] with 0 background, 1 salient, 255 ignore; or None.
        labels: uint8 [H, W], the class of each pixel (255 ignore); or None.
        boxes: float32 [n, 4] as (x0, y0, x1, y1) in pixels, x1 and y1 exclusive; or None.
        classes: int32 [n], the class of each box, an index into the source's `class_names`; or None.
        name: Unique within its source, the same in every run.
        difficult: bool [n], boxes that neither train nor count because even people find them hard (VOC); None is none.
        crowd: bool [n], boxes around many objects at once, which neither train nor count (COCO); None is none.
        areas: float32 [n], the pixels of each object itself, where the data say so (COCO); None leaves the boxes' own.
        repairs: What was mended on reading, a few words for each time.
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


def ignored_boxes(example: Example) -> np.ndarray:
    """Tell which boxes of an example neither train nor count: the difficult ones and the crowds.

    Returns:
        bool [n].
    """
    ignored = np.zeros(len(example.boxes), bool)
    for where in (example.difficult, example.crowd):
        if where is not None:
            ignored |= where
    return ignored


@runtime_checkable
class Source(Protocol):
    """A sequence of examples with random access.

    Attributes:
        name: The text that `open_source` takes.
        class_names: The names of the classes, by index; empty where there are none.
        names: The name of every example, by index, known without loading it.
    """

    name: str
    class_names: tuple[str, ...]
    names: Sequence[str]

    def __len__(self) -> int:
        """Give the number of examples."""

    def load(self, index: int) -> Example:
        """Load one example; thread-safe, and the same bytes every time.

        Raises:
            DataError: If its files cannot be used.
        """


def _open_scenes(rest: str, needs: str) -> Source:
    from .scenes import open_scenes

    return open_scenes(rest, needs)


def _open_folder(rest: str, needs: str) -> Source:
    from .folder import open_folder

    return open_folder(rest, needs)


def _open_voc(rest: str, needs: str) -> Source:
    from .voc import open_voc

    return open_voc(rest, needs)


def _open_coco(rest: str, needs: str) -> Source:
    from .coco_source import open_coco

    return open_coco(rest, needs)


def _open_tfds(rest: str, needs: str) -> Source:
    from .tfds_source import open_tfds

    return open_tfds(rest, needs)


SOURCES: dict[str, Callable[[str, str], Source]] = {
    "scenes": _open_scenes,
    "folder": _open_folder,
    "voc": _open_voc,
    "coco": _open_coco,
    "tfds": _open_tfds,
}
"""Kind of source -> function of (what follows the colon, needs). A new kind is one line here."""

FORMS = "scenes[:train|val|test], folder:PATH[:SPLIT], voc:PATH[:SPLIT], coco:IMAGES,JSON, tfds:NAME[:SPLIT]"
"""How sources are written, for help texts and errors."""

SEPARATOR = " + "
"""What stands between sources that are to be one."""

BOX_SOURCES = ("voc", "coco", "tfds:voc", "tfds:coco")
"""The sources that are about boxes: kinds, and data sets of TFDS."""


def split_texts(text: str) -> list[str]:
    """Take `A + B` apart; a plus sign that no kind of source follows is part of a path.

    Args:
        text: As `open_source` takes it.

    Returns:
        The texts of the single sources, one or more.
    """
    kinds = "|".join(map(re.escape, SOURCES))
    return re.split(rf"\s+\+\s+(?=(?:{kinds})(?::|\s|$))", text.strip())


def all_scenes(text: str) -> bool:
    """Tell whether a source is of nothing but embedded scenes, which are drawn and have no files.

    Args:
        text: As `open_source` takes it.
    """
    return all(one.partition(":")[0] == "scenes" for one in split_texts(text))


def usual_needs(text: str) -> str:
    """Tell what a source is usually asked for: `boxes` for detection data, otherwise `mask`.

    Args:
        text: As `open_source` takes it.
    """
    kind, _, rest = split_texts(text)[0].partition(":")
    return "boxes" if {kind, f"{kind}:{re.split('[:/]', rest)[0]}"} & set(BOX_SOURCES) else "mask"


def open_source(text: str, *, needs: str = "mask") -> Source:
    """Open the source that a text names.

    Args:
        text: One of `FORMS`, or several with " + " between them, which become one source.
        needs: What every example must have: `mask`, `labels`, `boxes`, or `none` for pictures only.

    Returns:
        The source. Its examples are loaded when asked for.

    Raises:
        UsageError: If there is no such kind of source, split or need.
        DataError: If the data are not there.
    """
    if needs not in NEEDS:
        raise UsageError(f"a source can be asked for {', '.join(NEEDS)}; got needs={needs!r}")
    texts = split_texts(text)
    if len(texts) > 1:
        from .joined import join_sources

        return join_sources([open_source(one, needs=needs) for one in texts], needs)
    kind, _, rest = text.strip().partition(":")
    if kind not in SOURCES:
        raise UsageError(f"expected a data source such as {FORMS}, or several as 'A + B'; got {text!r}")
    return SOURCES[kind](rest, needs)


class Subset:
    """Some examples of a source, in a given order; made by `subset`.

    Attributes:
        source: The source it takes from.
        indices: int64 [n], the index in `source` of each example.
    """

    def __init__(self, source: Source, indices: Sequence[int]):
        self.source = source
        self.indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        if self.indices.size and (self.indices.min() < 0 or self.indices.max() >= len(source)):
            raise UsageError(
                f"indices into {source.name} must lie in 0..{len(source) - 1}, got {self.indices.min()}.."
                f"{self.indices.max()}"
            )
        self.name = source.name
        self.class_names = source.class_names
        self.names = [source.names[index] for index in self.indices]

    @property
    def box_counts(self) -> list[int]:
        """The number of boxes of each example, where the source knows it."""
        counts = self.source.box_counts
        return [counts[index] for index in self.indices]

    @property
    def box_bound(self) -> int:
        """The most boxes that any example can have, where the source knows that."""
        return self.source.box_bound

    def __len__(self) -> int:
        """Give the number of examples."""
        return len(self.indices)

    def load(self, index: int) -> Example:
        """Load one example; see `Source.load`."""
        return self.source.load(int(self.indices[index]))


def subset(source: Source, indices: Sequence[int]) -> Source:
    """Take some examples of a source.

    Args:
        source: Any source.
        indices: Indices into it, in the order wanted.

    Returns:
        A source of `len(indices)` examples with the same name and class names.

    Raises:
        UsageError: If an index is out of range.
    """
    return Subset(source, indices)


def split_for_selection(source: Source, every: int = 10) -> tuple[Source, Source]:
    """Split training data into what trains and what chooses (checkpoints, thresholds), leaving the test data alone.

    Args:
        source: The training data, at least `every` examples.
        every: Each example with `index % every == every - 1` goes to the selection split.

    Returns:
        The training source and the selection source; together they are `source`, and share nothing.

    Raises:
        UsageError: If `every` is below 2 or the source is too small to be split.
    """
    if every < 2:
        raise UsageError(f"every must be at least 2, so that something is left to train on; got {every}")
    if len(source) < every:
        raise UsageError(
            f"{source.name} has {len(source)} examples, too few to set one in {every} aside: "
            "give a separate validation source"
        )
    indices = np.arange(len(source))
    chosen = indices % every == every - 1
    return subset(source, indices[~chosen]), subset(source, indices[chosen])
