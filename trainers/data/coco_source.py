"""Boxes in the layout of COCO's instances: `coco:IMAGES,JSON`."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import DataError, UsageError
from .annotations import CASE, alike, check_stated_size, mend_boxes
from .boxes import box_areas
from .images import PICTURE_SUFFIXES, read_image
from .sources import Example


@dataclass(eq=False)
class _Record:
    """One picture of the JSON file: its name and size, and its annotations as parallel lists; `ids` for errors."""

    file_name: str
    size: tuple[int, int] | None
    ids: list = field(default_factory=list)
    boxes: list = field(default_factory=list)
    categories: list = field(default_factory=list)
    crowd: list[bool] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)


class _Instances:
    """A JSON file, parsed once and checked as far as that goes without pictures."""

    def __init__(self, path: Path):
        self.path = path
        content = self._parsed()
        self.classes = self._categories(content["categories"])
        self.records: dict[object, _Record] = {}
        self.faults: list[tuple[str, str]] = []
        self._names: set[str] = set()
        for number, image in enumerate(content["images"]):
            self._add_image(image, number)
        self._add_annotations(content["annotations"])

    def _parsed(self) -> dict:
        try:
            with self.path.open(encoding="utf-8-sig") as file:
                content = json.load(file)
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{self.path} cannot be read as JSON ({error}): write or download it again") from error
        parts = ("images", "annotations", "categories")
        missing = [part for part in parts if not isinstance(content, dict) or not _is_records(content.get(part))]
        if missing:
            raise DataError(
                f"{self.path} has no list of {' and '.join(missing)}: expected COCO's instances format, with "
                f"{', '.join(parts)}"
            )
        return content

    def _categories(self, categories: list[dict]) -> dict[int, tuple[int, str]]:
        """Map category id -> (class, name); the classes count from 0 in the order of the ids."""
        try:
            names = {category["id"]: str(category["name"]).strip() for category in categories}
            ids = sorted(names)
        except (KeyError, TypeError) as error:
            raise DataError(f"a category of {self.path} lacks a usable id or name: give it both") from error
        for what, values in (("id", [category["id"] for category in categories]), ("name", list(names.values()))):
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                raise DataError(f"{self.path} has two categories of the {what} {', '.join(twice)}: keep one")
        if not ids:
            raise DataError(f"{self.path} has no categories: add them, with id and name")
        return {id_: (index, names[id_]) for index, id_ in enumerate(ids)}

    def _add_image(self, image: dict, number: int) -> None:
        id_, file_name = image.get("id"), image.get("file_name")
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
            try:
                size = int(image["height"]), int(image["width"])
            except (KeyError, TypeError, ValueError, OverflowError):
                size = None
            self.records[id_] = _Record(file_name, size)

    def _add_annotations(self, annotations: list[dict]) -> None:
        strangers = []
        for annotation in annotations:
            image_id = annotation.get("image_id")
            record = self.records.get(image_id) if isinstance(image_id, (int, str)) else None
            if record is None:
                strangers.append(annotation)
                continue
            record.ids.append(annotation.get("id"))
            record.boxes.append(annotation.get("bbox"))
            record.categories.append(annotation.get("category_id"))
            record.crowd.append(annotation.get("iscrowd") in (1, "1"))
            area = annotation.get("area")
            usable = isinstance(area, (int, float)) and 0 < area < 1e12
            record.areas.append(float(area) if usable else float("nan"))
        if strangers:
            first = f"the first is annotation {strangers[0].get('id')} for image {strangers[0].get('image_id')}"
            text = (
                f"{len(strangers)} of {len(annotations)} annotations in {self.path} are for images that it does not "
                f"list ({first}): list the images, or remove the annotations"
            )
            self.faults.append((f"{self.path.name} (annotations)", text))


def _is_records(value) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


class _Folder:
    """The pictures below a folder, found by the names that JSON files give them."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._exact: dict[str, Path] = {}
        self._folded: dict[str, list[Path]] = defaultdict(list)
        self._last: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file():
                name = path.relative_to(folder).as_posix()
                self._exact[name] = path
                self._folded[name.casefold()].append(path)
                self._last[path.name.casefold()].append(path)

    def __len__(self) -> int:
        return len(self._exact)

    def find(self, file_name: str, listed: Path) -> tuple[Path, bool]:
        """Give the path of a picture, and whether upper and lower case differ; folders in front may be left out.

        Raises:
            DataError: If there is none, or several.
        """
        name = file_name.replace("\\", "/").removeprefix("./")
        last = PurePosixPath(name).name
        found = [self._exact[name]] if name in self._exact else self._folded.get(name.casefold())
        found = found or self._last.get(last.casefold(), [])
        if not found:
            raise DataError(f"{listed} lists {file_name}, and there is no such picture in {self._folder}: add it")
        if len(found) > 1:
            raise DataError(
                f"{listed} lists {file_name}, which can be {found[0]} or {found[1]}: rename one of them, or write the "
                "folder too"
            )
        return found[0], found[0].name != last


class CocoSource:
    """Pictures of a folder with the objects that a JSON file in COCO's instances format lists.

    Attributes:
        name: The text that `open_source` takes.
        class_names: The names of the categories, in the order of their ids.
        names: The file names of the pictures, as the JSON file has them.
        box_counts: The number of objects of each example as written, before any is left out.
        structural_faults: (name, sentence) for what no example stands for.
        notes: What is no fault and yet worth knowing, a sentence each.
    """

    def __init__(self, name: str, folder: Path, path: Path, needs: str):
        self.name = name
        self._path, self._with_boxes = path, needs == "boxes"
        instances = _Instances(path)
        self._classes = {id_: index for id_, (index, _) in instances.classes.items()}
        self.class_names = tuple(name for _, name in instances.classes.values()) if self._with_boxes else ()
        self._records = list(instances.records.values())
        self._folder = _Folder(folder)
        self.names = [record.file_name for record in self._records]
        self.box_counts = [len(record.boxes) for record in self._records]
        self.structural_faults = tuple(instances.faults) if self._with_boxes else ()
        unlisted = len(self._folder) - len(self._records)
        notes = [f"{folder} holds {unlisted} pictures more than {path} lists: they are not used"] * (unlisted > 0)
        self.notes = (*notes, *alike(self.class_names))

    def __len__(self) -> int:
        """Give the number of pictures."""
        return len(self._records)

    def load(self, index: int) -> Example:
        """Load one example.

        Raises:
            DataError: If its picture is missing or unreadable, or an annotation of it cannot be used.
        """
        record = self._records[index]
        path, other_case = self._folder.find(record.file_name, self._path)
        repairs = (CASE,) if other_case else ()
        if not self._with_boxes:
            return Example(read_image(path), name=record.file_name, repairs=repairs)
        boxes = np.array([self._corners(record, number) for number in range(len(record.boxes))]).reshape(-1, 4)
        classes = np.array([self._class(record, number) for number in range(len(record.boxes))], np.int32)
        image = read_image(path)
        size = image.shape[:2]
        repairs += check_stated_size(record.size, size, boxes, f"{record.file_name} in {self._path}", path)
        boxes, kept, mended = mend_boxes(boxes, size)
        crowd, areas = np.array(record.crowd, bool)[kept], np.array(record.areas, np.float32)[kept]
        return Example(
            image,
            boxes=boxes,
            classes=classes[kept],
            name=record.file_name,
            crowd=crowd if crowd.any() else None,
            areas=np.where(np.isnan(areas), box_areas(boxes), areas) if (areas > 0).any() else None,
            repairs=repairs + mended,
        )

    def _corners(self, record: _Record, number: int) -> np.ndarray:
        try:
            x, y, width, height = map(float, record.boxes[number])
            corners = np.array([x, y, x + width, y + height])
        except (TypeError, ValueError, OverflowError):
            corners = np.full(4, np.nan)
        if not np.isfinite(corners).all():
            raise DataError(
                f"annotation {record.ids[number]} of {record.file_name} in {self._path} has the bbox "
                f"{record.boxes[number]}, expected [x, y, width, height]: correct it, or remove the annotation"
            )
        return corners

    def _class(self, record: _Record, number: int) -> int:
        try:
            return self._classes[record.categories[number]]
        except (KeyError, TypeError):
            raise DataError(
                f"annotation {record.ids[number]} of {record.file_name} in {self._path} has the category "
                f"{record.categories[number]}, which is not listed there: add the category, or remove the annotation"
            ) from None


def open_coco(rest: str, needs: str) -> CocoSource:
    """Open `IMAGES,JSON`.

    `IMAGES` is the folder of the pictures, `JSON` a file in COCO's instances format. The classes are the categories in
    the order of their ids, whatever these are. Boxes are as COCO has them: [x, y, width, height] becomes (x, y,
    x + width, y + height). A picture without annotations has no boxes.

    Args:
        rest: What follows `coco:`.
        needs: `boxes`, or `none` for pictures only.

    Returns:
        The source, in the order of the JSON file's images.

    Raises:
        UsageError: If anything but boxes is asked for, or one of the two paths is not given.
        DataError: If one of them does not exist, or the JSON file is no such file or lists no pictures.
    """
    if needs not in ("boxes", "none"):
        raise UsageError(f"coco sources hold boxes, not {needs}: use folder:PATH for pictures with {needs}")
    folder, path = _folder_and_json(rest)
    source = CocoSource(f"coco:{rest}", folder, path, needs)
    if not len(source) and not source.structural_faults:
        raise DataError(f"{path} lists no images: check that it is the right file")
    return source


def _folder_and_json(rest: str) -> tuple[Path, Path]:
    """Tell the two paths apart, which may hold commas themselves."""
    parts = rest.split(",")
    pairs = [(",".join(parts[:cut]), ",".join(parts[cut:])) for cut in range(len(parts) - 1, 0, -1)]
    pairs = [(Path(first).expanduser(), Path(second).expanduser()) for first, second in pairs if first and second]
    if not pairs:
        raise UsageError(f"expected coco:IMAGES,JSON, a folder and a file, got coco:{rest}")
    for folder, path in pairs:
        if folder.is_dir() and path.is_file():
            return folder, path
    folder, path = pairs[0]
    missing = f"folder {folder}" if not folder.is_dir() else f"file {path}"
    raise DataError(f"there is no {missing}: check the path (from {Path.cwd()})")
