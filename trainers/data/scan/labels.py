"""What a scan says about class maps: how many pixels of what, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..example import IGNORE, Example
from .boxes import MOST_LISTED


@dataclass
class LabelFacts:
    """How many pixels there are of each class; `+=` takes more examples in.

    Attributes:
        pixels: int64 [C], the pixels of each class.
        pictures: int64 [C], the examples with a pixel of each class.
        ignored: The number of pixels that neither train nor count.
        total: The number of examples.
        empty: How many of them have ignored pixels alone.
    """

    pixels: np.ndarray
    pictures: np.ndarray
    ignored: int = 0
    total: int = 0
    empty: int = 0

    @property
    def counted(self) -> int:
        """The number of pixels that train and count."""
        return int(self.pixels.sum())

    @classmethod
    def of(cls, example: Example, classes: int) -> "LabelFacts":
        """Look at one example with labels in 0..classes - 1 and 255."""
        values = np.bincount(example.labels.ravel(), minlength=256)
        pixels = values[:classes].astype(np.int64)
        return cls(
            pixels=pixels,
            pictures=(pixels > 0).astype(np.int64),
            ignored=int(values[IGNORE]),
            total=1,
            empty=int(not pixels.any()),
        )

    def __iadd__(self, other: "LabelFacts") -> "LabelFacts":
        self.pixels = self.pixels + other.pixels
        self.pictures = self.pictures + other.pictures
        self.ignored += other.ignored
        self.total += other.total
        self.empty += other.empty
        return self

    def line(self, class_names: Sequence[str]) -> str:
        """Say which share of the pixels each class has."""
        shares = self.pixels / max(1, self.counted)
        listed = ", ".join(f"{share:.2%} {name}" for share, name in zip(shares, class_names[:MOST_LISTED]))
        if len(class_names) > MOST_LISTED:
            listed += f", ... and {len(class_names) - MOST_LISTED} more"
        ignored = self.ignored / max(1, self.counted + self.ignored)
        return f"pixels: {listed}; {ignored:.2%} of all are ignored"

    def notes(self, class_names: Sequence[str]) -> list[str]:
        """Say what is no fault and yet worth knowing, a sentence each."""
        notes = []
        absent = [name for name, pictures in zip(class_names, self.pictures) if not pictures]
        if self.total and not self.counted:
            notes.append("no pixel counts: all of them are ignored, and nothing can be learnt or measured")
        elif absent:
            notes.append(f"no pixel of {', '.join(absent[:5])}" + (f" and {len(absent) - 5} more" * (len(absent) > 5)))
        if self.empty and self.counted:
            notes.append(
                f"{self.empty} of {self.total} pictures {'has' if self.empty == 1 else 'have'} ignored pixels alone"
            )
        return notes
