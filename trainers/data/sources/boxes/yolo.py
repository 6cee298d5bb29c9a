"""Boxes in text files as YOLO has them: `yolo:PATH[:SPLIT]`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ....errors import DataError
from ....text import counted, read_text
from ...example import Source
from ...paths import Paths
from ..folder import path_and_split
from ..layouts.base import DECLARED, SIMILAR, Asked, Reading, Tree
from ..layouts.names import same_split
from .annotated import AnnotatedSource
from .annotation import NONE, Annotation
from .opening import open_reading
from .pairing import Pairing, find_pairs, folders_in_order
from .reading import read_all
from .yolo_yaml import YoloSet, read_yolo_set

BEYOND = 0.02
"""So far a box's centre or side may lie beyond 0..1 before it is no share of the picture's sides."""

_ROW = re.compile(r"\s*\d+(\.0*)?([\s,]+[-+.\dEe]+){4,}\s*$")
_NO_LABELS = re.compile(r"(readme.*|classes|train|val|valid|test|.*labels|notes|requirements|obj)\.txt$", re.IGNORECASE)


def open_yolo(rest: str, needs: str) -> Source:
    """Open `PATH[:SPLIT]`, a folder with data.yaml, or of pictures and .txt files with a line for each object.

    A line is `class x y width height`, the centre and the sides as shares of the picture's, or the class and the points
    of an outline, round which the box is drawn. A picture without a file, or with an empty one, has no objects.
    """
    path, split = _at_yaml(rest)
    expected = "data.yaml, or pictures and .txt files with 'class x y width height' in each line,"
    return open_reading(Tree(path, split), Asked(f"yolo:{rest}", needs), yolo_readings, expected)


def _at_yaml(rest: str) -> tuple[Path, str]:
    """Take the path of a data.yaml for its folder."""
    for text, split in ((rest, ""), rest.rpartition(":")[::2]):
        path = Path(text).expanduser()
        if text.lower().endswith((".yaml", ".yml")) and path.is_file():
            return path.parent, split
    return path_and_split(rest, "yolo")


def yolo_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find data.yaml, or pictures and text files of boxes in other folders or in one."""
    files = _labels_among(tree.files(".txt"))
    declared = tree.files(".yaml", ".yml")
    if not declared and not any(map(_is_label, files[:20])):
        return
    said = read_yolo_set(tree)
    if said.parts:
        found = _of_yaml(tree, said)
        splits = tuple(said.parts) if not tree.split and len(said.parts) > 1 else ()
    else:
        found = find_pairs(tree, files)
        splits = found.parts if found is not None else ()
    if found is None or not (found.pairs or (said.parts and found.chosen)):
        return
    classes = f"{len(said.names)} class{'es' * (len(said.names) != 1)}"
    named = f"{said.file.name} with {classes}" if said.file else "classes without names"
    says = f"text files as YOLO has them, {found.pairs} for {counted(len(found.chosen), 'picture')}, {named}"
    sure = DECLARED if said.file is not None else SIMILAR
    written = f"yolo:{tree.root}" + (f":{tree.split}" if tree.split else "")
    yield Reading(says, len(found.chosen), sure, partial(_open, asked, tree, found, said), splits, written)


def _labels_among(files: Paths) -> Paths:
    """Leave out text files that are called as lists and notes are."""
    labels = [number for number, name in enumerate(files.names) if not _NO_LABELS.match(name)]
    return files if len(labels) == len(files) else files.take(np.array(labels, np.int64))


def _is_label(path: Path) -> bool:
    """Tell by its first line whether a text file says boxes; an empty one may."""
    with path.open("rb") as file:
        lines = file.read(4000).decode("utf-8", "replace").strip("\ufeff \r\n").splitlines()
    return not lines or _ROW.match(lines[0]) is not None


def _of_yaml(tree: Tree, said: YoloSet) -> Pairing | None:
    """Find the pictures of the parts that data.yaml names, which may lie elsewhere, and their text files."""
    parts = said.parts or {}
    chosen = [part for part in parts if not tree.split or same_split(part, tree.split)]
    if not chosen:
        return None
    pictures = _each_once([_pictures_at(place) for part in chosen for place in parts[part]])
    folders = folders_in_order(pictures)
    places = dict.fromkeys(place for folder in folders for place in _label_places(folder) if place.is_dir())
    texts = Paths.joined([Tree(place).files(".txt", folder="") for place in places])
    found = find_pairs(Tree(tree.root), _labels_among(texts), pictures)
    # A list chooses from the pictures of a folder, in which others' text files lie, too.
    listed = any(place.is_file() for part in chosen for place in parts[part])
    return None if found is None else replace(found, whole=not listed)


def _each_once(parts: list[Paths]) -> Paths:
    """Put pictures behind others, without those that are there already."""
    joined = Paths.joined(parts)
    first: dict[str, int] = {}
    for number, text in enumerate(joined.texts() if len(parts) > 1 else ()):
        first.setdefault(text, number)
    return joined.take(np.array(list(first.values()), np.int64)) if first else joined


def _pictures_at(place: Path) -> Paths:
    """List the pictures below a folder, or those that a list names."""
    if place.is_dir():
        return Tree(place).pictures()
    lines = (line.strip() for line in read_text(place).splitlines())
    found = []
    for line in filter(None, lines):
        entry = Path(line.replace("\\", "/"))
        tried = [place.parent / entry, place.parent.parent / entry, entry]
        picture = next((path for path in tried if path.is_file()), None)
        if picture is None:
            raise DataError(f"{place} names {line}, and there is no such picture: correct the list")
        found.append(picture)
    return Paths.of(dict.fromkeys(found))


def _label_places(folder: Path) -> list[Path]:
    """Give where the text files of a folder's pictures may lie: `labels` for the last `images`, or the same folder."""
    parts = list(folder.parts)
    for index in range(len(parts) - 1, -1, -1):
        if parts[index].lower() in ("images", "image", "imgs", "img", "jpegimages"):
            return [Path(*parts[:index], name, *parts[index + 1 :]) for name in ("labels", "label", "Labels")] + [
                folder
            ]
    return [folder]


def _open(asked: Asked, tree: Tree, found: Pairing, said: YoloSet) -> AnnotatedSource:
    if asked.needs != "boxes":
        return AnnotatedSource(
            asked.name, found.entries(NONE, None), (), with_boxes=False, faults=found.faults, notes=found.notes
        )
    if not found.pairs:
        raise DataError(
            f"none of the {counted(len(found.chosen), 'picture')} in {tree.root} has a text file of its boxes, "
            "expected labels/ beside images/: add them"
        )
    meant = [said.names, said.keypoints]
    read = read_all(found.files.paths, partial(read_rows, said=said), asked.name, "yolo", meant)
    names = list(said.names.values())
    notes = list(found.notes)
    if not names:
        names = [str(number) for number in range(max(map(int, read.names_used()), default=-1) + 1)]
        notes.append(f"nothing names the classes, they are called by their numbers: write {tree.root}/classes.txt")
    without = len(found.chosen) - found.pairs
    if without:
        share = f"{without} of {counted(len(found.chosen), 'picture')} {'has' if without == 1 else 'have'}"
        notes.append(f"{share} no text file and so no objects, as YOLO has it")
    faults = (*found.faults, *found.orphans("the folders of the pictures"))
    return AnnotatedSource(
        asked.name, found.entries(read, None), names, faults=faults, notes=notes, listed=said.file, read_by=meant
    )


def read_rows(path: Path, said: YoloSet) -> Annotation:
    """Read the objects in a text file, a line each."""
    names, boxes = [], []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"line {number} of {path}"
        try:
            kind, *shares = (float(word) for word in line.replace(",", " ").split())
        except ValueError as error:
            raise DataError(f"{where} has {line.strip()!r}, expected numbers alone: correct it") from error
        names.append(_class_name(kind, said, where))
        boxes.append(_corners(np.array(shares), said, where))
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    return Annotation(path, tuple(names), corners, np.zeros(len(names), bool), shares=True)


def _class_name(kind: float, said: YoloSet, where: str) -> str:
    if not kind.is_integer() or kind < 0:
        raise DataError(f"{where} has the class {kind:g}, expected a number from 0: correct it, or remove the line")
    if not said.names:
        return str(int(kind))
    if int(kind) not in said.names:
        numbers = sorted(said.names)
        file = said.file.name if said.file else "the list"
        raise DataError(
            f"{where} has the class {int(kind)}, {file} names {numbers[0]} to {numbers[-1]}: correct one of them"
        )
    return said.names[int(kind)]


def _corners(shares: np.ndarray, said: YoloSet, where: str) -> np.ndarray:
    count = len(shares)
    if said.keypoints and count == 4 + said.keypoints:
        shares = shares[:4]
    elif count == 5:
        raise DataError(
            f"{where} has 5 numbers after the class, a box has 4: is the fifth the score of a prediction? Leave it away"
        )
    elif count != 4 and (count < 6 or count % 2):
        raise DataError(f"{where} has {count} numbers after the class, expected 4 for a box or pairs for an outline")
    if not np.isfinite(shares).all() or shares.min() < -BEYOND or shares.max() > 1 + BEYOND:
        far = shares[~(np.isfinite(shares) & (shares >= -BEYOND) & (shares <= 1 + BEYOND))][0]
        raise DataError(
            f"{where} has the number {far:g}, expected shares of the picture's sides from 0 to 1: divide pixels by "
            "the sides, or remove the line"
        )
    if len(shares) == 4:
        x, y, width, height = shares
        return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    points = shares.reshape(-1, 2)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
