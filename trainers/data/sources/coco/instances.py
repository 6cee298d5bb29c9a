"""What a JSON file in COCO's instances format says, checked as far as that goes without pictures."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import DataError
from ....text import composed, repeated
from ...example import Ids
from ...names import Names
from ..box_coding import counts_from_one, other_coding, usable_rows
from .written import Fields, Written, read_written, size_of


@dataclass(frozen=True, eq=False)
class Record:
    """One picture of the JSON file: its name and size, and its annotations as parallel lists; `ids` for errors.

    Ids, boxes and categories of annotations are as they are written, `size` as stated.
    """

    file_name: str
    size: tuple[int, int] | None
    ids: list[Any]
    boxes: list[Any]
    categories: list[Any]
    crowd: np.ndarray
    areas: np.ndarray
    outlines: list[Any]


class NumbersOfPictures(Mapping[str, int | str]):
    """The ids of pictures, as they are written, by their names."""

    def __init__(self, names: Names, ids: np.ndarray, odd: Mapping[int, int | str]):
        self._names, self._ids, self._odd = names, ids, odd

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self._names)}

    def __getitem__(self, name: str) -> int | str:
        place = self._places[name]
        return self._odd[place] if place in self._odd else int(self._ids[place])

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Instances:
    """A parsed JSON file: category id -> (class from 0, name), what it says of its pictures, faults (name, sentence).

    Attributes:
        names: the file names of the pictures that count, in their order.
        counts: how many annotations each has, int64 [n].
    """

    def __init__(self, path: Path, *, outlines: bool = False):
        self.path = path
        self._text_ids = False
        written = read_written(path, outlines=outlines)
        headings = _headings(written)
        categories = [one for one in written.categories if one.get("name") not in headings]
        self.classes = self._categories(categories)
        self.category_ids = {composed(str(one["name"])).strip(): one["id"] for one in categories}
        self.faults: list[tuple[str, str]] = []
        self._rows: dict[object, int] = {}  # by ids, where not all are plain
        images, row_of = self._images(written)
        self.names = written.file_names if images is None else Names(self._name(written, one) for one in images)
        self._sizes = written.sizes if images is None else written.sizes[images]
        places = {} if images is None else {int(image): row for row, image in enumerate(images)}
        odd = {places[image]: one for image, one in written.odd_images.items() if image in places}
        self._odd_sizes = {row: size_of(one) for row, one in odd.items()}
        ids = written.image_ids if images is None else written.image_ids[images]
        self.picture_ids = NumbersOfPictures(self.names, ids, {row: one["id"] for row, one in odd.items()})
        self._sort(written, row_of)
        self._rows = {}  # needed no more
        self.notes = [f"some ids in {path} are written as text: they are read as numbers"] * self._text_ids
        said = "is a heading of the others and has no box: it is no class"
        self.notes += [f"the category {name} {said}" for name in headings]
        if counts_from_one(self._table()):
            self.notes.append(f"boxes in {path} may count pixels from 1 where COCO counts from 0: none begins at 0")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def ids(self) -> Ids:
        """How the file numbers pictures and classes."""
        return Ids(self.picture_ids, self.category_ids)

    def _name(self, written: Written, image: int) -> str:
        odd = written.odd_images.get(int(image))
        return str(odd["file_name"]) if odd else written.file_names[int(image)]

    def _images(self, written: Written) -> tuple[np.ndarray | None, Callable[[np.ndarray], np.ndarray]]:
        """Tell which images count, None for all; and what gives the rows of some ids int64 [k], -1 where there is none.

        An odd id has its row in `_rows`.
        """
        ids = written.image_ids
        if not written.odd_images and _all_differ(ids) and len(set(written.file_names)) == len(ids):
            order = np.argsort(ids, kind="stable")
            ordered = ids[order]

            def found(wanted: np.ndarray) -> np.ndarray:
                places = np.minimum(np.searchsorted(ordered, wanted), max(0, len(ordered) - 1))
                return (
                    np.where(ordered[places] == wanted, order[places], -1) if len(order) else np.full(len(wanted), -1)
                )

            return None, found
        names: set[str] = set()
        images: list[int] = []
        for number, id_ in enumerate(ids.tolist()):
            one = written.odd_images.get(number) or {"id": id_, "file_name": written.file_names[number]}
            self._add_image(one, number, names, images)
        return np.array(images, np.int64), lambda wanted: np.array([self._rows.get(one, -1) for one in wanted.tolist()])

    def _row_of_odd(self, value: object, row_of: Callable[[np.ndarray], np.ndarray]) -> int:
        """Give the row of an image's id that need be no number."""
        id_ = self._id(value)
        if not isinstance(id_, (int, str)):
            return -1
        if self._rows or isinstance(id_, str) or abs(id_) >= 2**63:
            return self._rows.get(id_, -1)
        return int(row_of(np.array([id_], np.int64))[0])

    def _sort(self, written: Written, row_of: Callable[[np.ndarray], np.ndarray]) -> None:
        """Lay the annotations of each picture beside each other."""
        rows = np.asarray(row_of(written.images), np.int64).reshape(-1)
        converted: dict[int, Fields] = {}
        for number, one in written.odd.items():
            rows[number] = self._row_of_odd(one["image_id"], row_of)
            converted[number] = {**one, "category_id": self._id(one["category_id"])}
        self._add_strangers(written, rows)
        order = np.flatnonzero(rows >= 0)
        if not (np.diff(rows[order]) >= 0).all():
            order = order[np.argsort(rows[order], kind="stable")]
        self.counts = np.bincount(rows[order], minlength=len(self))
        self._ends = np.cumsum(self.counts)
        whole = len(order) == len(rows) and bool((order == np.arange(len(order))).all())

        def sorted_so(values: np.ndarray) -> np.ndarray:
            return values if whole else values[order]

        self._ids, self._categories_of = sorted_so(written.ids), sorted_so(written.classes)
        self._boxes, self._areas = sorted_so(written.boxes), sorted_so(written.areas)
        self._crowds = sorted_so(written.crowds)
        self._outlines = written.outlines if whole or written.outlines is None else written.outlines.take(order)
        back = np.full(len(rows), -1)
        back[order] = np.arange(len(order))
        self._odd = {int(back[number]): one for number, one in converted.items() if back[number] >= 0}

    def record(self, row: int) -> Record:
        """Give what is said of a picture."""
        places = range(int(self._ends[row] - self.counts[row]), int(self._ends[row]))
        part = slice(places.start, places.stop)
        ids, boxes = self._ids[part].tolist(), self._boxes[part].tolist()
        categories = self._categories_of[part].tolist()
        for at, place in enumerate(places) if self._odd else ():
            if one := self._odd.get(place):
                ids[at], boxes[at], categories[at] = one["id"], one["bbox"], one["category_id"]
        outlines = [json.loads(self._outlines[place]) for place in places] if self._outlines is not None else []
        size = (int(self._sizes[row, 0]), int(self._sizes[row, 1])) if self._sizes[row, 0] >= 0 else None
        size = self._odd_sizes.get(row, size)
        crowd, areas = self._crowds[part], self._areas[part]
        return Record(self.names[row], size, ids, boxes, categories, crowd, areas, outlines)

    def _categories(self, categories: list[Fields]) -> dict[int, tuple[int, str]]:
        """Map category id -> (class, name); the classes count from 0 in the order of the ids."""
        try:
            numbered = [self._id(category["id"]) for category in categories]
            names = {id_: composed(str(category["name"])).strip() for id_, category in zip(numbered, categories)}
            ids = sorted(names)
        except (KeyError, TypeError) as error:
            raise DataError(f"a category of {self.path} lacks a usable id or name: give it both") from error
        for what, values in (("id", numbered), ("name", list(names.values()))):
            if twice := sorted(map(str, repeated(values))):
                raise DataError(f"{self.path} has two categories of the {what} {', '.join(twice)}: keep one")
        if not ids:
            raise DataError(f"{self.path} has no categories: add them, with id and name")
        return {id_: (index, names[id_]) for index, id_ in enumerate(ids)}

    def _id(self, value: Any) -> Any:
        """Read an id that tools have written as text, or with a decimal point, as the number that it is."""
        if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]+\s*", value):
            self._text_ids = True
            return int(value)
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def doubts(self, *, boxes: bool = True, seen: np.ndarray | None = None) -> list[str]:
        """Say what all annotations together show to be wrong, of their categories and, where wanted, of their boxes.

        `seen` has the (height, width) of the pictures, int [n, 2], zeros where not known: then as stated.
        """
        return [*self._shifted(), *(self._other_boxes(seen) if boxes else ())]

    def _table(self, seen: np.ndarray | None = None) -> np.ndarray:
        """Give a row for each usable box, see `box_coding.usable_rows`."""
        sizes = self._sizes.astype(np.float64)
        for row, size in self._odd_sizes.items():
            sizes[row] = (-1, -1) if size is None else [float(min(side, 1e300)) for side in size]
        if seen is not None:
            sizes = np.where(seen > 0, seen, sizes)
        return usable_rows(self._boxes, np.repeat(sizes, self.counts, axis=0), self._areas)

    def _shifted(self) -> list[str]:
        """Say when the annotations count the categories from another number than the list of them."""
        usual = np.ones(len(self._ids), bool)
        usual[list(self._odd)] = False
        odd = {one["category_id"] for one in self._odd.values() if isinstance(one["category_id"], int)}
        used = set(np.unique(self._categories_of[usual]).tolist()) | odd
        listed = [id_ for id_ in self.classes if isinstance(id_, int)]
        if not used or used <= set(listed) or len(listed) < len(self.classes):
            return []
        shifts = {min(listed) - min(used), max(listed) - max(used)}
        if shifts not in ({1}, {-1}):
            return []
        return [
            f"the annotations in {self.path} use the categories {min(used)} to {max(used)}, listed are {min(listed)} "
            f"to {max(listed)}: one of the two counts from another number, correct it in all of them"
        ]

    def _other_boxes(self, seen: np.ndarray | None) -> list[str]:
        """Say when the boxes are written in another way."""
        coding = other_coding(self._table(seen))
        return [
            f"the boxes in {self.path} are not [x, y, width, height] with x and y at the top left, as COCO has it: so "
            f"read, they reach beyond their pictures or differ from their areas, but all fit as {coding}: convert them"
        ] * bool(coding)

    def _add_image(self, image: Fields, number: int, names: set[str], images: list[int]) -> None:
        id_, file_name = self._id(image.get("id")), image.get("file_name")
        if id_ is None or not isinstance(id_, (int, str)) or not isinstance(file_name, str) or not file_name:
            text = f"image number {number + 1} of {self.path} lacks its id or file_name: add it, or remove the image"
            self.faults.append((f"image number {number + 1}", text))
        elif id_ in self._rows:
            text = f"{self.path} has two images of the id {id_}, one is {file_name}: give each its own"
            self.faults.append((file_name, text))
        elif file_name in names:
            text = f"{self.path} lists the image {file_name} twice: keep one, with the annotations of both"
            self.faults.append((file_name, text))
        else:
            names.add(file_name)
            self._rows[id_] = len(images)
            images.append(number)

    def _add_strangers(self, written: Written, rows: np.ndarray) -> None:
        """Note annotations whose image is not listed."""
        strangers = np.flatnonzero(rows < 0)
        if not len(strangers):
            return
        number = int(strangers[0])
        usual = {"id": int(written.ids[number]), "image_id": int(written.images[number])}
        one = written.odd.get(number, usual)
        image_id = one["image_id"]
        first = f"the first is annotation {one['id']} for "
        first += "no image, it has no image_id" if image_id is None else f"image {image_id}"
        text = (
            f"{len(strangers)} of {len(rows)} annotations in {self.path} are for images that it does not "
            f"list ({first}): list the images, or remove the annotations"
        )
        self.faults.append((f"{self.path.name} (annotations)", text))


def _all_differ(values: np.ndarray) -> bool:
    return bool((np.diff(np.sort(values)) > 0).all())


def _headings(written: Written) -> list[str]:
    """Find the category without a box to which all others belong: Roboflow writes one."""
    used, categories = set(written.used), written.categories
    return [
        str(one.get("name"))
        for one in categories
        if len(categories) > 1
        and one.get("supercategory") in (None, "", "none")
        and str(one.get("id")) not in used
        and all(other.get("supercategory") == one.get("name") for other in categories if other is not one)
    ]
