"""Boxes, or class maps drawn of outlines, in the layout of COCO's instances: `coco:IMAGES,JSON`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ....errors import DataError, UsageError
from ....geometry import Size, box_areas
from ....text import composed
from ...classes import MOST_CLASSES
from ...example import IGNORE, Example, Source, example_of
from ...images import read_seen
from ...listing import passed_over, surroundings
from ...pixel_files.outlines import coco_labels, coco_region, outline_box
from ..annotations import CASE, alike, check_stated_size, mend_boxes
from ..box_coding import numbers
from ..picture_folder import PictureFolder, plain
from .instances import Instances, Record


class CocoSource(Source):
    """Pictures of a folder with the objects of a JSON file in COCO's instances format, classes in the order of ids.

    Asked for labels, it draws class maps of the outlines: class 0 is the background, crowds are ignored.
    """

    def __init__(self, name: str, folder: Path, path: Path, needs: str):
        self.name, self.ignores = name, True
        self._path, self._with_boxes, self._drawn = path, needs == "boxes", needs == "labels"
        instances = Instances(path, outlines=self._drawn)
        self._classes = {id_: index for id_, (index, _) in instances.classes.items()}
        self.class_names = tuple(name for _, name in instances.classes.values() if needs != "none")
        if self._drawn:
            self._add_background()
        self.names, self.ids = instances.names, instances.ids
        self.box_counts = None if self._drawn else instances.counts
        self.structural_faults = tuple(instances.faults) if needs != "none" else ()
        self._seen = np.zeros((len(self.names), 2), np.int32)  # the sizes of pictures that were loaded
        pictures = PictureFolder(folder)
        self._paths = pictures.find_all(self.names, path)
        more, used = ("1 picture", "it is") if pictures.unlisted == 1 else (f"{pictures.unlisted} pictures", "they are")
        notes = [f"{folder} holds {more} more than {path} lists: {used} not used"] * (pictures.unlisted > 0)
        self._instances = instances
        self.notes = (*notes, *instances.notes, *passed_over(pictures.unread, folder), *alike(self.class_names))

    def __len__(self) -> int:
        """Give the number of pictures."""
        return len(self.names)

    def picture_file(self, index: int) -> Path | None:
        """See `Source`."""
        path = self._paths[index]
        return path if isinstance(path, Path) else None

    def reading(self) -> object:
        """See `Source`."""
        return self._with_boxes, self._drawn, self._classes, self.files

    def files_of(self, indices: np.ndarray) -> Iterable[Sequence[str]]:
        """See `Source`."""
        found = ~np.isin(indices, list(self._paths.errors))
        paths = self._paths.paths.take(indices[found]).texts()
        return ((next(paths),) if one else () for one in found.tolist())

    def files_of_all(self) -> Sequence[str]:
        """See `Source`."""
        return (str(self._path),)

    def learnt(self) -> Mapping[str, np.ndarray]:
        """See `Source`: the sizes of pictures, (0, 0) where not known."""
        return {"sizes": self._seen}

    def recall(self, indices: np.ndarray, learnt: Mapping[str, np.ndarray]) -> None:
        """See `Source`."""
        self._seen[indices] = learnt["sizes"]

    def doubts(self) -> list[str]:
        """See `Source`."""
        wanted = self._with_boxes or self._drawn
        return self._instances.doubts(boxes=self._with_boxes, seen=self._seen) if wanted else []

    def load(self, index: int) -> Example:
        """See `Source`."""
        index = range(len(self))[index]
        record, path = self._instances.record(index), self._paths[index]
        if isinstance(path, DataError):
            raise DataError(str(path))
        recased = composed(path.name) != PurePosixPath(plain(record.file_name)).name
        repairs = [CASE] * recased
        if not self._with_boxes:
            seen = read_seen(path, repairs=repairs, files=self.files)
            labels = self._labels(record, seen.size, path, repairs) if self._drawn else None
            return example_of(seen, labels=labels, name=record.file_name, repairs=tuple(repairs))
        boxes = np.array([self._corners(record, number) for number in range(len(record.boxes))]).reshape(-1, 4)
        classes = np.array([self._class(record, number) for number in range(len(record.boxes))], np.int32)
        seen = read_seen(path, repairs=repairs, files=self.files)
        size = seen.size
        repairs += check_stated_size(record.size, size, boxes, f"{record.file_name} in {self._path}", path)
        self._seen[index] = size
        boxes, kept, mended = mend_boxes(boxes, size)
        crowd, areas = record.crowd[kept], record.areas.astype(np.float32)[kept]
        return example_of(
            seen,
            boxes=boxes,
            classes=classes[kept],
            name=record.file_name,
            crowd=crowd if crowd.any() else None,
            areas=np.where(np.isnan(areas), box_areas(boxes), areas) if (areas > 0).any() else None,
            repairs=(*repairs, *mended),
        )

    def _add_background(self) -> None:
        """Make room for the class 0, what no outline encloses, unless a category is called so."""
        if self.class_names[0].lower().strip("_") != "background":
            self.class_names = ("background", *self.class_names)
            self._classes = {id_: index + 1 for id_, index in self._classes.items()}
        if len(self.class_names) > MOST_CLASSES:
            raise DataError(f"{self._path} has {len(self.class_names)} classes, a class map holds {MOST_CLASSES}")

    def _labels(self, record: Record, size: Size, path: Path, repairs: list[str]) -> np.ndarray:
        """Draw the outlines of a picture; crowds are ignored."""
        corners = np.array([box for outline in record.outlines if (box := outline_box(outline))]).reshape(-1, 4)
        repairs += check_stated_size(record.size, size, corners, f"{record.file_name} in {self._path}", path)
        objects = []
        for number, outline in enumerate(record.outlines):
            where = f"annotation {record.ids[number]} of {record.file_name} in {self._path}"
            class_ = self._class(record, number)
            objects.append((IGNORE if record.crowd[number] else class_, coco_region(outline, size, where)))
        return coco_labels(objects, size)

    def _corners(self, record: Record, number: int) -> np.ndarray:
        box = numbers(record.boxes[number])
        if box is None:
            raise DataError(
                f"annotation {record.ids[number]} of {record.file_name} in {self._path} has the bbox "
                f"{record.boxes[number]}, expected [x, y, width, height]: correct it, or remove the annotation"
            )
        x, y, width, height = box
        return np.array([x, y, x + width, y + height])

    def _class(self, record: Record, number: int) -> int:
        try:
            return self._classes[record.categories[number]]
        except (KeyError, TypeError):
            category = record.categories[number]
            has = "no category_id" if category is None else f"the category {category!r}, which is not listed there"
            raise DataError(
                f"annotation {record.ids[number]} of {record.file_name} in {self._path} has {has}: add the category, "
                "or remove the annotation"
            ) from None


def open_instances(name: str, folder: Path, path: Path, needs: str) -> CocoSource:
    """Open pictures and a file in COCO's instances format, in the order of its images."""
    source = CocoSource(name, folder, path, needs)
    if not len(source) and not source.structural_faults:
        raise DataError(f"{path} lists no images: check that it is the right file")
    return source


def folder_and_json(rest: str) -> tuple[Path, Path]:
    """Tell the two paths apart, which may hold commas themselves."""
    parts = rest.split(",")
    texts = [(",".join(parts[:cut]), ",".join(parts[cut:])) for cut in range(len(parts) - 1, 0, -1)]
    pairs = [(Path(first).expanduser(), Path(second).expanduser()) for first, second in texts if first and second]
    if not pairs:
        raise UsageError(f"expected coco:IMAGES,JSON, a folder and a file, got coco:{rest}")
    for folder, path in pairs:
        if folder.is_dir() and path.is_file():
            return folder, path
    folder, path = pairs[0]
    missing = f"folder {folder}" if not folder.is_dir() else f"file {path}"
    gone = path if folder.is_dir() else folder
    raise DataError(f"there is no {missing}: check the path ({surroundings(gone)})")
