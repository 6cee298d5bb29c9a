"""What a scan says about boxes: whether they can be used, and how many there are of what."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import DataError
from ..example import Example, Source, ignored_boxes

TINY = 64
"""A box is tiny when its shorter side is less than the picture's longer side divided by this."""

MOST_LISTED = 12
"""Of more classes the numbers are not listed."""


def check_boxes(example: Example, class_names: Sequence[str]) -> None:
    """Refuse boxes that are no boxes, lie outside the picture, or have no class.

    Raises:
        DataError: If a box cannot be used.
    """
    boxes, classes, name = example.boxes, example.classes, example.name
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"the boxes of {name} must have the shape [n, 4], got {boxes.shape}: correct the source")
    for what in ("classes", "difficult", "crowd", "areas"):
        values = getattr(example, what)
        if values is None and what != "classes":
            continue
        if values is None or values.shape != (len(boxes),):
            found = "none" if values is None else len(values)
            raise DataError(f"{name} has {len(boxes)} boxes and {found} {what}: give one for each box")
    height, width = example.image.shape[:2]
    sound = np.isfinite(boxes).all(axis=1) & (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
    sound &= (boxes >= 0).all(axis=1) & (boxes[:, 2:] <= [width, height]).all(axis=1)
    if not sound.all():
        bad = int(np.flatnonzero(~sound)[0])
        raise DataError(
            f"box {bad + 1} of {name} is {boxes[bad].tolist()}, expected x0 < x1 and y0 < y1 within {width}x{height}: "
            "correct it, or remove it"
        )
    unknown = sorted({int(index) for index in classes if not 0 <= index < len(class_names)})
    if unknown:
        raise DataError(
            f"{name} has a box of class {unknown[0]}, the classes are 0..{len(class_names) - 1}: correct the labels"
        )


def refuse_without_boxes(source: Source) -> None:
    """Refuse data in which nothing can be found, before any work is put into them.

    Cheap: the first example with a box that counts ends the search, and those that a source knows to have none
    (`box_counts`) are not loaded.

    Args:
        source: Any source with boxes.

    Raises:
        DataError: If no example has a box that counts, or one on the way to it cannot be loaded.
    """
    counts = getattr(source, "box_counts", None)
    for index in range(len(source)):
        if counts is not None and not counts[index]:
            continue
        example = source.load(index)
        if example.boxes is not None and not ignored_boxes(example).all():
            return
    pictures = f"{len(source)} picture{'' if len(source) == 1 else 's'}"
    raise DataError(
        f"none of the {pictures} of {source.name} has a box that counts (difficult ones and crowds do not): choose "
        "other data, or annotate objects"
    )


@dataclass
class BoxFacts:
    """How many boxes there are of what; `+=` takes more examples in.

    Attributes:
        pictures: The number of examples.
        empty: How many of them have no box.
        most: The most boxes in one example.
        classes: Class -> number of boxes that train and count.
        ignored: The number of difficult boxes and crowds.
        tiny: The number of tiny boxes among those that count, see `TINY`.
    """

    pictures: int = 0
    empty: int = 0
    most: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    ignored: int = 0
    tiny: int = 0

    @property
    def counted(self) -> int:
        """The number of boxes that train and count."""
        return sum(self.classes.values())

    @classmethod
    def of(cls, example: Example) -> "BoxFacts":
        """Look at one example with boxes."""
        ignored = ignored_boxes(example)
        shorter = (example.boxes[:, 2:] - example.boxes[:, :2]).min(axis=1, initial=np.inf)
        tiny = ~ignored & (shorter * TINY < max(example.image.shape[:2]))
        return cls(
            pictures=1,
            empty=int(len(example.boxes) == 0),
            most=len(example.boxes),
            classes=Counter(example.classes[~ignored].tolist()),
            ignored=int(ignored.sum()),
            tiny=int(tiny.sum()),
        )

    def __iadd__(self, other: "BoxFacts") -> "BoxFacts":
        self.pictures += other.pictures
        self.empty += other.empty
        self.most = max(self.most, other.most)
        self.classes += other.classes
        self.ignored += other.ignored
        self.tiny += other.tiny
        return self

    def line(self, class_names: Sequence[str]) -> str:
        """Say how many boxes there are of each class."""
        listed = ", ".join(f"{self.classes[index]} {name}" for index, name in enumerate(class_names[:MOST_LISTED]))
        if len(class_names) > MOST_LISTED:
            listed += f", ... and {len(class_names) - MOST_LISTED} more"
        ignored = f", {self.ignored} difficult or crowd (neither train nor count)" if self.ignored else ""
        return f"boxes: {listed}{ignored}; at most {self.most} in a picture"

    def notes(self, class_names: Sequence[str]) -> list[str]:
        """Say what is no fault and yet worth knowing, a sentence each."""
        if not self.pictures:
            return []
        notes = []
        if self.empty:
            are = "has" if self.empty == 1 else "have"
            notes.append(f"{self.empty} of {self.pictures} pictures {are} no objects: they train as background")
        absent = [name for index, name in enumerate(class_names) if not self.classes[index]]
        if self.ignored and not self.counted:
            notes.append("no box counts: all of them are difficult or crowds, and nothing can be learnt or measured")
        elif absent:
            notes.append(f"no box of {', '.join(absent[:5])}" + (f" and {len(absent) - 5} more" * (len(absent) > 5)))
        if self.tiny:
            notes.append(
                f"{self.tiny} of {self.counted} boxes are tiny, a side below 1/{TINY} of the picture's "
                f"(6 pixels at --size 384): a larger --size helps to find them"
            )
        return notes
