"""The vocabulary of data: a source is a sequence of examples with a name, whatever lies behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ..geometry import IGNORE as IGNORE

NEEDS = ("mask", "labels", "boxes", "none")
"""What a caller can ask every example to have; `none` means pictures only."""


SEPARATOR = " + "
"""What stands between sources that are to be one."""


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
