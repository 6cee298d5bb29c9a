"""Pictures with what an annotation tool wrote about each: one source for all formats that are read beforehand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....errors import DataError
from ....progress import progress
from ...example import Example, Source, example_of
from ...images import Readable, read_seen
from ..annotations import CASE, alike, check_stated_size, mend_boxes
from ..box_coding import other_shares, sizes_for_corners, usable_rows


@dataclass(frozen=True, eq=False)
class Annotation:
    """What is written about one picture.

    Attributes:
        file: where it is written, for errors.
        names: the class of each object.
        boxes: float64 [n, 4] as (x0, y0, x1, y1), as written: pixels, or `shares` of the picture's sides.
        difficult: bool [n].
        size: the picture's (height, width), where it is stated.
        repairs: what was mended on reading.
        picture: the picture's path as the file says it, where it does.
    """

    file: object
    names: tuple[str, ...]
    boxes: np.ndarray
    difficult: np.ndarray
    size: tuple[int, int] | None = None
    shares: bool = False
    repairs: tuple[str, ...] = ()
    picture: str = ""


@dataclass(frozen=True, eq=False)
class Annotated:
    """A picture, its name, and what is written about it; or why one of the two cannot be had."""

    name: str
    picture: Path | Callable[[], Readable] | DataError
    annotation: Annotation | DataError
    recased: bool = False


def nothing_written(file: object) -> Annotation:
    """Give the annotation of a picture without objects."""
    return Annotation(file, (), np.zeros((0, 4)), np.zeros(0, bool), shares=True)


class AnnotatedSource(Source):
    """Pictures and their objects; asked for pictures alone, it opens no annotation.

    Pixels count from `first_pixel`; `listed` is the file that names the classes, for errors.
    """

    def __init__(
        self,
        name: str,
        pictures: Sequence[Annotated],
        class_names: Sequence[str],
        *,
        with_boxes: bool = True,
        first_pixel: int = 0,
        listed: object = "the list of classes",
        faults: Iterable[tuple[str, str]] = (),
        notes: Iterable[str] = (),
    ):
        self.name, self.class_names = name, tuple(class_names)
        self.names = [one.name for one in pictures]
        self.structural_faults, self.notes = tuple(faults), (*notes, *alike(self.class_names))
        self._pictures, self._with_boxes, self._first_pixel, self._listed = pictures, with_boxes, first_pixel, listed
        self._class_of = {class_name: index for index, class_name in enumerate(self.class_names)}
        if with_boxes:
            read = [one.annotation for one in pictures]
            self.box_counts = [len(said.names) if isinstance(said, Annotation) else 0 for said in read]

    def __len__(self) -> int:
        return len(self._pictures)

    def picture_file(self, index: int) -> Path | None:
        """See `Source`."""
        picture = self._pictures[index].picture
        return picture if isinstance(picture, Path) else None

    def reading(self) -> object:
        """See `Source`."""
        return self._with_boxes, self._first_pixel, self.class_names, self.files

    def files_of(self, index: int) -> Sequence[str]:
        """See `Source`; a picture that is no file lies in that of its annotation."""
        one = self._pictures[index]
        said = one.annotation.file if isinstance(one.annotation, Annotation) else None
        # What a list writes in another case of letters is said by no file of its own.
        if one.recased or not any(isinstance(file, Path) for file in (one.picture, said)):
            return ()
        files = [one.picture, said] if self._with_boxes or not isinstance(one.picture, Path) else [one.picture]
        return tuple(dict.fromkeys(str(file) for file in files if isinstance(file, Path)))

    def doubts(self) -> list[str]:
        """See `Source`."""
        said = [one for one in self._read if not one.shares and one.size and len(one.boxes)]
        boxes = np.concatenate([np.zeros((0, 4)), *(one.boxes for one in said)])
        # No side that is stated in earnest is beyond float64.
        sizes = np.array([[min(side, 2**62) for side in one.size or ()] for one in said], np.int64).reshape(-1, 2)
        sizes = np.repeat(sizes, [len(one.boxes) for one in said], axis=0)
        wrong = sizes_for_corners(usable_rows(boxes, sizes, np.full(len(boxes), np.nan)))
        found = [f"{self.name}: {wrong}: write the corners, x + width and y + height, instead"] if wrong else []
        shares = [said.boxes for said in self._read if said.shares]
        meant = other_shares(np.concatenate(shares)) if shares else ""
        text = (
            "the boxes are not x y width height with x and y in the middle: so read, many reach beyond their pictures"
        )
        return found + [f"{self.name}: {text}, but all fit as {meant}: convert them"] * bool(meant)

    @property
    def _read(self) -> list[Annotation]:
        return [one.annotation for one in self._pictures if isinstance(one.annotation, Annotation)]

    def load(self, index: int) -> Example:
        """See `Source`."""
        one = self._pictures[index]
        if isinstance(one.picture, DataError):
            raise DataError(str(one.picture))
        picture = one.picture if isinstance(one.picture, Path) else one.picture()
        repairs = [CASE] * one.recased
        if not self._with_boxes:
            seen = read_seen(picture, repairs=repairs, files=self.files)
            return example_of(seen, name=one.name, repairs=tuple(repairs))
        if isinstance(one.annotation, DataError):
            raise DataError(str(one.annotation))
        said = one.annotation
        classes = self._classes(said)
        seen = read_seen(picture, repairs=repairs, files=self.files)
        size = seen.size
        written = said.boxes
        resized: tuple[str, ...] = ()
        if said.shares:
            written = written * [size[1], size[0], size[1], size[0]]
        else:
            resized = check_stated_size(said.size, size, written, said.file, picture)
        boxes, kept, mended = mend_boxes(written, size, first_pixel=self._first_pixel)
        difficult = said.difficult[kept]
        return example_of(
            seen,
            boxes=boxes,
            classes=classes[kept],
            name=one.name,
            difficult=difficult if difficult.any() else None,
            repairs=tuple(repairs) + said.repairs + resized + mended,
        )

    def _classes(self, said: Annotation) -> np.ndarray:
        unknown = sorted(set(said.names) - set(self._class_of))
        if unknown:
            raise DataError(
                f"{said.file} names the class {', '.join(unknown)}, {self._listed} lists "
                f"{', '.join(self.class_names)}: correct one of them"
            )
        return np.array([self._class_of[name] for name in said.names], np.int32)


Read = dict[Path, Annotation | DataError]
"""What is in each annotation file, or why it cannot be read."""


def read_all(files: Iterable[Path], read: Callable[[Path], Annotation], name: str) -> Read:
    """Read annotation files."""
    found: Read = {}
    for path in progress(list(files), desc=f"read {name}", unit="file", delay=2, leave=False):
        try:
            found[path] = read(path)
        except DataError as error:
            found[path] = error
    return found
