"""Boxes in the layout of Pascal VOC: `voc:PATH[:SPLIT]`."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from tqdm import tqdm

from ...errors import DataError
from ...text import composed, read_text
from ..classes import read_class_names
from ..example import Example, Source
from ..images import picture_files, read_image
from ..listing import contents, no_pictures, passed_over
from .annotations import CASE, Files, alike, check_stated_size, mend_boxes
from .folder import no_split, path_and_split, read_list, stem_of

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", Path("ImageSets", "Main")


@dataclass(frozen=True, eq=False)
class Annotation:
    """What one XML file says: boxes float64 [n, 4], as written; difficult bool [n]; size (height, width)."""

    names: tuple[str, ...]
    boxes: np.ndarray
    difficult: np.ndarray
    size: tuple[int, int] | None


def read_annotation(path: Path) -> Annotation:
    """Read one XML file."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(read_text(path))
    except DefusedXmlException as error:
        raise DataError(
            f"{path} declares XML entities, which no annotation needs and some attacks use: remove the declarations"
        ) from error
    except (ParseError, ValueError) as error:
        raise DataError(f"{path} cannot be read as XML ({error}): write the annotation again") from error
    if root.tag != "annotation":
        raise DataError(f"{path} holds <{root.tag}>, expected <annotation> as Pascal VOC has it: replace the file")
    names, boxes, difficult = [], [], []
    for number, item in enumerate(root.iter("object"), start=1):
        name = composed(item.findtext("name") or "").strip()
        if not name:
            raise DataError(f"object {number} of {path} has no <name>: add it, or remove the object")
        names.append(name)
        boxes.append([_number(item, f"bndbox/{corner}", path, number) for corner in ("xmin", "ymin", "xmax", "ymax")])
        difficult.append((item.findtext("difficult") or "").strip().lower() in ("1", "true"))
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    return Annotation(tuple(names), corners, np.array(difficult, bool), _stated_size(root))


def _number(item: Element, place: str, path: Path, number: int) -> float:
    text = (item.findtext(place) or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise DataError(
            f"object {number} of {path} has {repr(text) if text else 'nothing'} as <{place}>, expected a number of "
            "pixels: correct it, or remove the object"
        )
    return value


def _stated_size(root: Element) -> tuple[int, int] | None:
    try:
        height, width = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("height", "width"))
    except (ValueError, OverflowError):
        return None
    return height, width


class VocSource(Source):
    """Pictures and their XML files; classes are the lines of `PATH/classes.txt`, or all names in them, sorted."""

    def __init__(self, name: str, base: Path, needs: str, split: str = ""):
        self.name = name
        self._base = base
        self._images = Files(picture_files(base / IMAGES))
        self._files = Files(_xml_files(base / ANNOTATIONS) if needs == "boxes" else [])
        self._recased: set[str] = set()
        if split:
            chosen, self.structural_faults = read_list(base / LISTS / f"{split}.txt", self._meant)
            self.names = list(chosen)
            self._recased = {stem for stem, entry in chosen.items() if stem not in _names(entry)}
        else:
            self.names = self._images.stems
            self.structural_faults = tuple(
                (
                    path.name,
                    f"annotation {path} has no picture of the same name in {base / IMAGES}: add the picture, or remove "
                    "the file",
                )
                for path in self._files.paths
                if self._images.stem_of(path.stem, self._files) is None
            )
        self.class_names = ()
        self.box_counts = []
        self._with_boxes = needs == "boxes"
        self.notes = passed_over((base / IMAGES).iterdir(), base / IMAGES)
        if self._with_boxes:
            self._annotations = self._read_annotations()
            self.class_names = self._find_class_names()
            self._class_of = {class_name: index for index, class_name in enumerate(self.class_names)}
            self.box_counts = [self._box_count(stem) for stem in self.names]
            self.notes += self._find_notes(split)

    def __len__(self) -> int:
        return len(self.names)

    def _meant(self, entry: str) -> str | None:
        return next(filter(None, map(self._images.stem_of, _names(entry))), None)

    def _read_annotations(self) -> dict[Path, Annotation | DataError]:
        read: dict[Path, Annotation | DataError] = {}
        # All of them, whatever the split: only together they tell the classes.
        files = tqdm(self._files.paths, desc=f"read {self.name}", unit="file", disable=None, delay=2, leave=False)
        for path in files:
            try:
                read[path] = read_annotation(path)
            except DataError as error:
                read[path] = error
        return read

    def _find_class_names(self) -> tuple[str, ...]:
        listed = self._base / "classes.txt"
        if listed.is_file():
            return read_class_names(listed)
        # What is left over of pictures that are gone must not add classes.
        used = [read for path, read in self._annotations.items() if self._images.stem_of(path.stem, self._files)]
        names = sorted({name for read in used if isinstance(read, Annotation) for name in read.names})
        if not names and not any(isinstance(read, DataError) for read in used):
            raise DataError(
                f"no annotation in {self._base / ANNOTATIONS} names an object of a picture, so there are no classes: "
                f"write them into {listed}, one a line, or annotate objects"
            )
        return tuple(names)

    def _box_count(self, stem: str) -> int:
        try:
            file = self._files.find(stem, self._images)
        except DataError:
            return 0
        annotation = None if file is None else self._annotations[file]
        return len(annotation.names) if isinstance(annotation, Annotation) else 0

    def _find_notes(self, split: str) -> tuple[str, ...]:
        notes = []
        sound = [read for read in self._annotations.values() if isinstance(read, Annotation)]
        if any((annotation.boxes[:, :2] == 0).any() for annotation in sound):
            notes.append("some boxes begin at pixel 0 where VOC counts from 1: they may be one pixel off")
        splits = known_splits(self._base)
        if not split and splits:
            notes.append(f"these are all pictures; the splits are {', '.join(splits)}")
        return (*notes, *alike(self.class_names))

    def load(self, index: int) -> Example:
        """See `Source`."""
        stem = self.names[index]
        path = self._images.file(stem)
        recased, repairs = stem in self._recased, list[str]()
        if not self._with_boxes:
            image = read_image(path, repairs=repairs)
            return Example(image, name=stem, repairs=(CASE,) * recased + tuple(repairs))
        file = self._files.find(stem, self._images)
        if file is None:
            raise DataError(
                f"picture {path} has no annotation {self._base / ANNOTATIONS / stem}.xml: add it (one without objects "
                "if there are none), or remove the picture"
            )
        annotation = self._annotations[file]
        if isinstance(annotation, DataError):
            raise DataError(str(annotation))
        recased = recased or composed(file.stem) != stem
        classes = self._classes(annotation, file)
        image = read_image(path, repairs=repairs)
        resized = check_stated_size(annotation.size, image.shape[:2], annotation.boxes, file, path)
        boxes, kept, mended = mend_boxes(annotation.boxes, image.shape[:2], first_pixel=1)
        difficult = annotation.difficult[kept]
        return Example(
            image,
            boxes=boxes,
            classes=classes[kept],
            name=stem,
            difficult=difficult if difficult.any() else None,
            repairs=(CASE,) * recased + tuple(repairs) + resized + mended,
        )

    def _classes(self, annotation: Annotation, file: Path) -> np.ndarray:
        unknown = sorted(set(annotation.names) - set(self._class_of))
        if unknown:
            raise DataError(
                f"{file} names the class {', '.join(unknown)}, {self._base / 'classes.txt'} lists "
                f"{', '.join(self.class_names)}: correct one of them"
            )
        return np.array([self._class_of[name] for name in annotation.names], np.int32)


def _xml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".xml" and not path.name.startswith("."))


def _names(entry: str) -> list[str]:
    """Read a line of a list, a name with or without ending; VOC's lists of single classes add 1, 0 or -1."""
    texts = (entry, re.sub(r"\s+(-1|0|1)$", "", entry))
    return [name for text in texts for name in (text, stem_of(text))]


def known_splits(base: Path) -> list[str]:
    """Name the splits of a VOC folder, without the lists of single classes."""
    stems = sorted(path.stem for path in (base / LISTS).glob("*.txt"))
    return [stem for stem in stems if not any(stem.endswith(f"_{other}") for other in stems)]


def open_voc(rest: str, needs: str) -> VocSource:
    """Open `PATH[:SPLIT]`, in alphabetical order or in the order of the split's list.

    Pictures lie in `PATH/JPEGImages`, XML files of the same stem in `PATH/Annotations`, names of a split in
    `PATH/ImageSets/Main/SPLIT.txt`. Pixels count from 1 in VOC: a box is (xmin - 1, ymin - 1, xmax, ymax) here.
    """
    base, split = path_and_split(rest, "voc")
    if not (base / IMAGES).is_dir() or (needs == "boxes" and not (base / ANNOTATIONS).is_dir()):
        below = sorted(folder.parent for depth in ("*", "*/*") for folder in base.glob(f"{depth}/{IMAGES}"))
        advice = f"did you mean voc:{below[0]}?" if below else "give the folder that holds both"
        raise DataError(
            f"expected the folders {IMAGES} and {ANNOTATIONS} in {base}, and they are not there ({contents(base)}): "
            f"{advice}"
        )
    if split and not (base / LISTS / f"{split}.txt").is_file():
        raise no_split(base, split, f"{LISTS / split}.txt", known_splits(base))
    source = VocSource(f"voc:{rest}", base, needs, split)
    if not len(source) and not source.structural_faults:
        raise no_pictures(base / IMAGES)
    return source
