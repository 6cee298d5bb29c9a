"""Class maps: the class of each pixel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...colours import class_colours
from ...geometry import InputSize
from ..augmentation.labels import augment_labels
from ..augmentation.settings import LabelAugmentation
from ..example import IGNORE, Example
from ..fit import unfit_scores
from ..images import check_sizes, counts_of_bytes, different, resize_mask
from ..ragged import Ragged
from .base import Arrays, Facts, PixelTarget, absent_note, listed
from .drawing import has_background, hatch_ignored, tint


@dataclass(frozen=True, eq=False)
class LabelFacts(Facts):
    """Pixels and examples of each class, int64 [C], pixels ignored, and `empty` examples, which have no others."""

    pixels: np.ndarray
    pictures: np.ndarray
    ignored: int
    total: int
    empty: int

    @property
    def counted(self) -> int:
        """The number of pixels that train and count."""
        return int(self.pixels.sum())

    def row(self) -> list[int]:
        """See `Facts`: ignored pixels, then of each class that is there its number and its pixels."""
        there = np.flatnonzero(self.pixels)
        return [self.ignored, *np.column_stack([there, self.pixels[there]]).ravel().tolist()]

    @classmethod
    def of_rows(cls, rows: Ragged, classes: int) -> "LabelFacts":
        """See `Facts`."""
        first = np.zeros(len(rows.values), bool)
        first[rows.starts] = True
        numbers, pixels = rows.values[~first].reshape(-1, 2).T
        sums = np.zeros(classes, np.int64)
        np.add.at(sums, numbers, pixels)
        pictures = np.bincount(numbers, minlength=classes).astype(np.int64)
        return cls(sums, pictures, int(rows.values[first].sum()), len(rows), int((rows.lengths == 1).sum()))

    def by_class(self, class_names: Sequence[str]) -> dict[str, str]:
        """Give the shares of the pixels."""
        shares = self.pixels / max(1, self.counted)
        return {name: f"{share:.2%}" for share, name in zip(shares, class_names)}

    def line(self, class_names: Sequence[str]) -> str:
        """Say which share of the pixels each class has."""
        shares = self.pixels / max(1, self.counted)
        texts = [f"{share:.2%} {name}" for share, name in zip(shares, class_names)]
        ignored = self.ignored / max(1, self.counted + self.ignored)
        return f"pixels: {listed(texts, class_names)}; {ignored:.2%} of all are ignored"

    def notes(self, class_names: Sequence[str]) -> list[str]:
        """See `Facts`."""
        notes = []
        absent = [name for name, pictures in zip(class_names, self.pictures) if not pictures]
        if not self.counted:
            notes.append("no pixel counts: all of them are ignored, and nothing can be learnt or measured")
        elif absent:
            notes.append(absent_note("pixel", absent))
        if self.hopeless and self.counted:
            (alone,) = (name for name, pixels in zip(class_names, self.pixels) if pixels)
            notes.append(f"all pixels that count are {alone}: nothing can be learnt from these alone")
        if self.empty and self.counted:
            notes.append(
                f"{self.empty} of {self.total} pictures {'has' if self.empty == 1 else 'have'} ignored pixels alone"
            )
        return notes

    @property
    def hopeless(self) -> bool:
        """Whether fewer than two classes have a pixel that counts."""
        return int(np.count_nonzero(self.pixels)) < 2


@dataclass(frozen=True)
class NamelessFacts(Facts):
    """The values of label files whose classes nobody names."""

    values: frozenset[int]

    def row(self) -> list[int]:
        """See `Facts`: the values."""
        return sorted(self.values)

    @classmethod
    def of_rows(cls, rows: Ragged, classes: int) -> "NamelessFacts":
        """See `Facts`."""
        return cls(frozenset(np.unique(rows.values).tolist()))

    def notes(self, class_names: Sequence[str]) -> list[str]:
        """See `Facts`."""
        held = sorted(self.values)
        shown = ", ".join(map(str, held[:12])) + (", ..." if len(held) > 12 else "")
        return [
            f"nobody names the classes; the label files hold the value{'s' * (len(held) > 1)} {shown}: name them "
            "in the order of their values, beside the images in classes.txt or in --classes FILE"
        ]

    @property
    def hopeless(self) -> bool:
        """Nobody can tell."""
        return False


class LabelTarget(PixelTarget[LabelAugmentation]):
    """A class map, uint8 [H, W] of classes and 255 (ignore)."""

    name = "labels"
    drawn = "classes tinted, ignored hatched in grey"

    def unfit(self, found: np.ndarray, size: InputSize, resizing: str, shape: tuple[int, int]) -> np.ndarray:
        """Bring scores float32 [h, w, C] to float32 [height, width, C], bilinearly."""
        return unfit_scores(found, shape, resizing)

    def augment(
        self,
        image: np.ndarray,
        parts: Arrays,
        size: InputSize,
        resizing: str,
        rng: np.random.Generator,
        augmentation: LabelAugmentation,
        wanted: int | None = None,
    ) -> Arrays:
        """As `Target.augment`."""
        return augment_labels(image, parts[0], size, resizing, rng, augmentation, wanted=wanted)

    def check(self, example: Example, class_names: Sequence[str]) -> None:
        """See `Target`."""
        check_sizes(example.size, self.values(example), example.name, example.name, self.name)

    def facts(self, example: Example, class_names: Sequence[str]) -> LabelFacts | NamelessFacts | None:
        """See `Target`; values are classes only where these have names, and beside a mask or boxes they say nothing."""
        if example.mask is not None or example.boxes is not None:
            return None
        values = counts_of_bytes(self.values(example))
        if not class_names:
            return NamelessFacts(frozenset(np.flatnonzero(values).tolist()))
        pixels = values[: len(class_names)].astype(np.int64)
        return LabelFacts(pixels, (pixels > 0).astype(np.int64), int(values[IGNORE]), 1, int(not pixels.any()))

    def of_rows(self, rows: Ragged, class_names: Sequence[str]) -> LabelFacts | NamelessFacts:
        """See `Target`."""
        return (LabelFacts if class_names else NamelessFacts).of_rows(rows, len(class_names))

    def caption(self, example: Example, class_names: Sequence[str]) -> list[str]:
        """Say how many classes are seen; a background is none."""
        count = len(self.seen(example, class_names))
        return [f"{count} class{'' if count == 1 else 'es'}"]

    def seen(self, example: Example, class_names: Sequence[str]) -> set[int]:
        """Give the classes that are seen in an example, without a background."""
        present = set(different(self.values(example)).tolist()) - {IGNORE}
        return present - {0} if has_background(class_names) else present

    def draw(self, canvas: np.ndarray, example: Example, class_names: Sequence[str]) -> None:
        """Tint classes by their colours; hatch what is ignored."""
        labels = resize_mask(self.values(example), (canvas.shape[0], canvas.shape[1]))
        tinted = (labels != IGNORE) & ((labels != 0) | (not has_background(class_names)))
        tint(canvas, tinted, class_colours(256)[labels], 0.5)
        hatch_ignored(canvas, labels)
