"""Pictures with what an annotation tool wrote about each: one source for all formats that are read beforehand."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ....errors import DataError
from ...example import Example, Source, example_of
from ...images import Readable, read_seen
from ...names import Names
from ...paths import Paths
from ..annotations import CASE, alike, check_stated_size, mend_boxes
from ..box_coding import other_shares, sizes_for_corners, usable_rows
from .annotation import Annotation, Annotations


@dataclass(frozen=True, eq=False)
class Entries:
    """Pictures, their names, and what is written about each, in arrays of n.

    Attributes:
        pictures: the path of each; of those that are `within` their annotation's file, bool [n], some other one.
        recased: bool [n], whether it is written in another case of letters somewhere.
        faults: number -> why a picture cannot be had.
    """

    names: Names
    pictures: Paths
    annotations: Annotations
    recased: np.ndarray
    within: np.ndarray | None = None
    faults: Mapping[int, DataError] = field(default_factory=dict)


class AnnotatedSource(Source):
    """Pictures and their objects; asked for pictures alone, it opens no annotation.

    Pixels count from `first_pixel`; `listed` is the file that names the classes, for errors.
    """

    def __init__(
        self,
        name: str,
        entries: Entries,
        class_names: Sequence[str],
        *,
        with_boxes: bool = True,
        first_pixel: int = 0,
        listed: object = "the list of classes",
        faults: Iterable[tuple[str, str]] = (),
        notes: Iterable[str] = (),
        read_within: Callable[[Path], Readable] | None = None,
        of_all: Sequence[Path] = (),
        read_by: object = None,
    ):
        """Take pictures and their objects.

        Args:
            read_within: gives a picture out of the file of its annotation.
            of_all: files that all examples hang on.
            read_by: what else decides what is read in the annotations, see `Source.reading`.
        """
        self.name, self.class_names = name, tuple(class_names)
        self.names = entries.names
        self.structural_faults, self.notes = tuple(faults), (*notes, *alike(self.class_names))
        self._pictures, self._said, self._recased = entries.pictures, entries.annotations, entries.recased
        self._within, self._missing, self._read_within = entries.within, entries.faults, read_within
        self._with_boxes, self._first_pixel, self._listed = with_boxes, first_pixel, listed
        self._of_all, self._read_by = tuple(map(str, of_all)), read_by
        self._class_of = {class_name: index for index, class_name in enumerate(self.class_names)}
        if with_boxes:
            self.box_counts = self._said.counts

    def __len__(self) -> int:
        return len(self.names)

    def _is_within(self, index: int) -> bool:
        return self._within is not None and bool(self._within[index])

    def picture_file(self, index: int) -> Path | None:
        """See `Source`."""
        index = range(len(self))[index]
        return None if index in self._missing or self._is_within(index) else self._pictures[index]

    def reading(self) -> object:
        """See `Source`."""
        return self._with_boxes, self._first_pixel, self.class_names, self.files, self._read_by

    def files_of(self, indices: np.ndarray) -> Iterable[Sequence[str]]:
        """See `Source`; a picture that is no file lies in that of its annotation."""
        return map(self._files_of, indices.tolist())

    def _files_of(self, index: int) -> Sequence[str]:
        # What a list writes in another case of letters is said by no file of its own.
        if self._recased[index] or index in self._missing:
            return ()
        within, files = self._is_within(index), self._said.files
        found = [] if within else [self._pictures.text(index)]
        if (self._with_boxes or within) and isinstance(files, Paths) and index not in self._said.errors:
            found.append(files.text(index))
        return tuple(dict.fromkeys(found))

    def files_of_all(self) -> Sequence[str]:
        """See `Source`."""
        return self._of_all

    def doubts(self) -> list[str]:
        """See `Source`."""
        boxes, sizes = self._said.in_pixels()
        wrong = sizes_for_corners(usable_rows(boxes, sizes, np.full(len(boxes), np.nan)))
        found = [f"{self.name}: {wrong}: write the corners, x + width and y + height, instead"] if wrong else []
        meant = other_shares(self._said.in_shares())
        text = (
            "the boxes are not x y width height with x and y in the middle: so read, many reach beyond their pictures"
        )
        return found + [f"{self.name}: {text}, but all fit as {meant}: convert them"] * bool(meant)

    def load(self, index: int) -> Example:
        """See `Source`."""
        index = range(len(self))[index]
        if index in self._missing:
            raise DataError(str(self._missing[index]))
        picture: Readable = self._pictures[index]
        if self._is_within(index):
            assert self._read_within is not None
            picture = self._read_within(Path(str(self._said.files[index])))
        name, repairs = self.names[index], [CASE] * bool(self._recased[index])
        if not self._with_boxes:
            seen = read_seen(picture, repairs=repairs, files=self.files)
            return example_of(seen, name=name, repairs=tuple(repairs))
        said = self._said[index]
        if isinstance(said, DataError):
            raise DataError(str(said))
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
            name=name,
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
