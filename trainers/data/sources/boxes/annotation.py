"""What is written about a picture, and about many: these in arrays, since an object of each takes kilobytes."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ....errors import DataError
from ...names import Names
from ...paths import Paths
from ...ragged import Ragged

_LARGEST = 2**62
_NONE = -(2**63)  # stands for a size that is not stated


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
class Annotations(Sequence[Annotation | DataError]):
    """What is written about many pictures, or why it cannot be read.

    Attributes:
        files: where each is written, paths or texts.
        class_names: the names that objects have, which `classes`, a row of int32 a picture, numbers.
        boxes: rows of float64 [k, 4]; `difficult` rows of bool [k].
        sizes: int64 [n, 2], what is odd standing in `odd_sizes`.
        shares: bool [n].
        repairs: int32 [n], which of the `mended` texts.
        pictures: the pictures' paths as files say them.
        errors: number -> why it cannot be read.
    """

    files: Paths | Names
    class_names: tuple[str, ...]
    classes: Ragged
    boxes: Ragged
    difficult: Ragged
    sizes: np.ndarray
    shares: np.ndarray
    repairs: np.ndarray
    mended: tuple[tuple[str, ...], ...]
    pictures: Names
    odd_sizes: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    errors: Mapping[int, DataError] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Paths | Names, said: Iterable[Annotation | DataError]) -> "Annotations":
        """Pack what is written in files, one after the other, of which not all need be there at once."""
        numbers, mended = dict[str, int](), dict[tuple[str, ...], int]({(): 0})
        classes, ends, boxes, difficult = array("i"), array("q"), array("d"), bytearray()
        sizes, shares, repairs = array("q"), bytearray(), array("i")
        odd, errors = dict[int, tuple[int, int]](), dict[int, DataError]()

        def pictures() -> Iterable[str]:
            for number, one in enumerate(said):
                if isinstance(one, DataError):
                    errors[number] = one
                    one = nothing_written("")
                classes.extend(numbers.setdefault(name, len(numbers)) for name in one.names)
                ends.append(len(classes))
                boxes.frombytes(np.ascontiguousarray(one.boxes, np.float64).tobytes())
                difficult.extend(one.difficult.astype(np.uint8).tobytes())
                size: tuple[int, int] = (_NONE, _NONE) if one.size is None else one.size
                if any(type(side) is not int or abs(side) > _LARGEST for side in one.size or ()):
                    odd[number], size = size, (_NONE, _NONE)
                sizes.extend(size)
                shares.append(one.shares)
                repairs.append(mended.setdefault(one.repairs, len(mended)))
                yield one.picture

        paths = Names(pictures())
        all_ends = np.array(ends, np.int64)
        return cls(
            files, tuple(numbers), Ragged(np.array(classes, np.int32), all_ends),
            Ragged(np.array(boxes, np.float64).reshape(-1, 4), all_ends),
            Ragged(np.frombuffer(bytes(difficult), bool), all_ends), np.array(sizes, np.int64).reshape(-1, 2),
            np.frombuffer(bytes(shares), bool), np.array(repairs, np.int32), tuple(mended), paths, odd, errors,
        )  # fmt: skip

    @classmethod
    def nothing(cls, files: Paths) -> "Annotations":
        """Give the annotations of pictures without objects, which are `files`."""
        count, none = len(files), np.zeros(0, np.int32)
        ends = np.zeros(count, np.int64)
        return cls(
            files, (), Ragged(none, ends), Ragged(np.zeros((0, 4)), ends), Ragged(np.zeros(0, bool), ends),
            np.full((count, 2), _NONE), np.ones(count, bool), np.zeros(count, np.int32), ((),),
            Names.of_rows(Ragged(np.zeros(0, np.uint8), ends)),
        )  # fmt: skip

    @classmethod
    def joined(cls, first: "Annotations", second: "Annotations") -> "Annotations":
        """Put the annotations of files behind others."""
        assert isinstance(first.files, Paths)
        assert isinstance(second.files, Paths)
        if not len(second) or not len(first):
            return first if len(first) else second
        names = dict.fromkeys((*first.class_names, *second.class_names))
        number_of = {name: number for number, name in enumerate(names)}
        moved = np.array([number_of[name] for name in second.class_names], np.int32)
        behind = Ragged(moved[second.classes.values], second.classes.ends) if len(moved) else second.classes
        count = len(first)
        return cls(
            Paths.joined([first.files, second.files]), tuple(names), Ragged.joined([first.classes, behind]),
            Ragged.joined([first.boxes, second.boxes]), Ragged.joined([first.difficult, second.difficult]),
            np.concatenate([first.sizes, second.sizes]), np.concatenate([first.shares, second.shares]),
            np.concatenate([first.repairs, second.repairs + np.int32(len(first.mended))]),
            (*first.mended, *second.mended), Names.joined([first.pictures, second.pictures]),
            {**first.odd_sizes, **{count + row: size for row, size in second.odd_sizes.items()}},
            {**first.errors, **{count + row: error for row, error in second.errors.items()}},
        )  # fmt: skip

    def take(self, rows: np.ndarray) -> "Annotations":
        """Give some, in the order of their numbers int [k]."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
        odd, errors = dict[int, tuple[int, int]](), dict[int, DataError]()
        if self.odd_sizes or self.errors:
            for place, row in enumerate(rows.tolist()):
                if row in self.odd_sizes:
                    odd[place] = self.odd_sizes[row]
                if row in self.errors:
                    errors[place] = self.errors[row]
        return Annotations(
            self.files.take(rows), self.class_names, self.classes.take(rows), self.boxes.take(rows),
            self.difficult.take(rows), self.sizes[rows], self.shares[rows], self.repairs[rows], self.mended,
            self.pictures.take(rows), odd, errors,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> Annotation | DataError:  # type: ignore[override]
        index = range(len(self))[index]
        if index in self.errors:
            return self.errors[index]
        return Annotation(
            self.files[index],
            tuple(self.class_names[number] for number in self.classes[index].tolist()),
            self.boxes[index],
            self.difficult[index],
            self._size(index),
            bool(self.shares[index]),
            self.mended[int(self.repairs[index])],
            self.pictures[index],
        )

    def _size(self, index: int) -> tuple[int, int] | None:
        height, width = self.sizes[index].tolist()
        return self.odd_sizes.get(index) if height == _NONE else (height, width)

    @property
    def counts(self) -> np.ndarray:
        """How many objects each has, int64 [n]; none where it cannot be read."""
        return self.classes.lengths

    def names_used(self, rows: np.ndarray | None = None) -> list[str]:
        """Give the names that objects have, of all or of some rows int [k], sorted."""
        classes = self.classes if rows is None else self.classes.take(rows)
        return sorted(self.class_names[number] for number in np.unique(classes.values).tolist())

    def in_pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """Give all boxes float64 [m, 4] in pixels of pictures whose size is stated, and the sizes, int64 [m, 2]."""
        sizes = self.sizes.copy()
        for row, size in self.odd_sizes.items():
            # No side that is stated in earnest is beyond float64.
            sizes[row] = [max(-_LARGEST, min(side, _LARGEST)) for side in size]
        chosen = np.repeat(~self.shares & (sizes[:, 0] != _NONE), self.counts)
        return self.boxes.values[chosen], np.repeat(sizes, self.counts, axis=0)[chosen]

    def in_shares(self) -> np.ndarray:
        """Give all boxes float64 [m, 4] in shares of their pictures' sides."""
        return np.asarray(self.boxes.values[np.repeat(self.shares, self.counts)])


def nothing_written(file: object) -> Annotation:
    """Give the annotation of a picture without objects."""
    return Annotation(file, (), np.zeros((0, 4)), np.zeros(0, bool), shares=True)


NONE = Annotations.nothing(Paths.of(()))
"""The annotations of no picture."""
