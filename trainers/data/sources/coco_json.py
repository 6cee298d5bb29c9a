"""What a JSON file in COCO's instances format says, checked as far as that goes without pictures."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...text import composed, read_json, repeated
from .box_coding import Written, counts_from_one, other_coding

Fields = dict[str, Any]


@dataclass(eq=False)
class Record:
    """One picture of the JSON file: its name and size, and its annotations as parallel lists; `ids` for errors.

    `id` is as it is written, `size` as stated, `seen` that of the picture once it was loaded. Outlines take most of the
    memory, and are kept where they are asked for.
    """

    id: int | str
    file_name: str
    size: tuple[int, int] | None
    seen: tuple[int, int] | None = None
    ids: list[Any] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    categories: list[Any] = field(default_factory=list)
    crowd: list[bool] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    outlines: list[Any] = field(default_factory=list)


class Instances:
    """A parsed JSON file: category id -> (class from 0, name), image id -> what it says; faults (name, sentence)."""

    def __init__(self, path: Path, *, outlines: bool = False):
        self.path, self._outlines = path, outlines
        self._text_ids = False
        content = self._parsed()
        headings = _headings(content)
        content["categories"] = [one for one in content["categories"] if one.get("name") not in headings]
        self.classes = self._categories(content["categories"])
        self.category_ids = {composed(str(one["name"])).strip(): one["id"] for one in content["categories"]}
        self.records: dict[object, Record] = {}
        self.faults: list[tuple[str, str]] = []
        self._names: set[str] = set()
        for number, image in enumerate(content["images"]):
            self._add_image(image, number)
        self._add_annotations(content["annotations"])
        self.notes = [f"some ids in {path} are written as text: they are read as numbers"] * self._text_ids
        said = "is a heading of the others and has no box: it is no class"
        self.notes += [f"the category {name} {said}" for name in headings]
        if counts_from_one(self._written()):
            self.notes.append(f"boxes in {path} may count pixels from 1 where COCO counts from 0: none begins at 0")

    def _parsed(self) -> dict[str, list[Fields]]:
        content = read_json(self.path)
        parts = ("images", "annotations", "categories")
        missing = [part for part in parts if not isinstance(content, dict) or not _is_records(content.get(part))]
        if missing:
            raise DataError(
                f"{self.path} has no list of {' and '.join(missing)}: expected COCO's instances format, with "
                f"{', '.join(parts)}"
            )
        return dict(content)

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

    def doubts(self, *, boxes: bool = True) -> list[str]:
        """Say what all annotations together show to be wrong, of their categories and, where wanted, of their boxes."""
        return [*self._shifted(), *(self._other_boxes() if boxes else ())]

    def _written(self) -> list[Written]:
        return [
            (bbox, record.seen or record.size, area)
            for record in self.records.values()
            for bbox, area in zip(record.boxes, record.areas)
        ]

    def _shifted(self) -> list[str]:
        """Say when the annotations count the categories from another number than the list of them."""
        used = {id_ for record in self.records.values() for id_ in record.categories if isinstance(id_, int)}
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

    def _other_boxes(self) -> list[str]:
        """Say when the boxes are written in another way."""
        coding = other_coding(self._written())
        return [
            f"the boxes in {self.path} are not [x, y, width, height] with x and y at the top left, as COCO has it: so "
            f"read, they reach beyond their pictures or differ from their areas, but all fit as {coding}: convert them"
        ] * bool(coding)

    def _add_image(self, image: Fields, number: int) -> None:
        id_, file_name = self._id(image.get("id")), image.get("file_name")
        if id_ is None or not isinstance(id_, (int, str)) or not isinstance(file_name, str) or not file_name:
            text = f"image number {number + 1} of {self.path} lacks its id or file_name: add it, or remove the image"
            self.faults.append((f"image number {number + 1}", text))
        elif id_ in self.records:
            text = f"{self.path} has two images of the id {id_}, one is {file_name}: give each its own"
            self.faults.append((file_name, text))
        elif file_name in self._names:
            text = f"{self.path} lists the image {file_name} twice: keep one, with the annotations of both"
            self.faults.append((file_name, text))
        else:
            self._names.add(file_name)
            self.records[id_] = Record(image["id"], file_name, _size(image))

    def _add_annotations(self, annotations: list[Fields]) -> None:
        strangers = []
        for annotation in annotations:
            image_id = self._id(annotation.get("image_id"))
            record = self.records.get(image_id) if isinstance(image_id, (int, str)) else None
            if record is None:
                strangers.append(annotation)
                continue
            record.ids.append(annotation.get("id"))
            record.boxes.append(annotation.get("bbox"))
            record.categories.append(self._id(annotation.get("category_id")))
            record.crowd.append(annotation.get("iscrowd") in (1, "1"))
            if self._outlines:
                record.outlines.append(annotation.get("segmentation"))
            area = annotation.get("area")
            record.areas.append(float(area) if isinstance(area, (int, float)) and 0 < area < 1e12 else float("nan"))
        if strangers:
            image_id = strangers[0].get("image_id")
            first = f"the first is annotation {strangers[0].get('id')} for "
            first += "no image, it has no image_id" if image_id is None else f"image {image_id}"
            text = (
                f"{len(strangers)} of {len(annotations)} annotations in {self.path} are for images that it does not "
                f"list ({first}): list the images, or remove the annotations"
            )
            self.faults.append((f"{self.path.name} (annotations)", text))


def _headings(content: dict[str, list[Fields]]) -> list[str]:
    """Find the category without a box to which all others belong: Roboflow writes one."""
    used = {str(one.get("category_id")) for one in content["annotations"]}
    categories = content["categories"]
    return [
        str(one.get("name"))
        for one in categories
        if len(categories) > 1
        and one.get("supercategory") in (None, "", "none")
        and str(one.get("id")) not in used
        and all(other.get("supercategory") == one.get("name") for other in categories if other is not one)
    ]


def _size(image: Fields) -> tuple[int, int] | None:
    try:
        return int(image["height"]), int(image["width"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _is_records(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
