"""Boxes in JSON files as labelme has them, a file for each picture: `labelme:PATH[:SPLIT]`."""

import base64
import binascii
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import DataError
from ....text import composed, cut, read_json
from ...classes import read_class_names
from ...example import Source
from ...images import PICTURE_SUFFIXES
from ...names import Names
from ...paths import Paths
from ..archives import NamedBytes
from ..folder import path_and_split
from ..layouts.base import DECLARED, Asked, Reading, Tree
from .annotated import AnnotatedSource, Entries
from .annotation import Annotation, Annotations
from .files import Files
from .opening import open_reading
from .pairing import Pairing, find_pairs, not_annotated
from .reading import read_all

OTHER_SHAPE = "point or line, which is no box, left out"
_AREAS = ("rectangle", "polygon", "mask", "rotation")
"""Shapes whose points lie round an object; a circle has its centre and a point of its edge."""


def open_labelme(rest: str, needs: str) -> Source:
    """Open `PATH[:SPLIT]`, pictures and JSON files of labelme; boxes are drawn round outlines and groups of them."""
    path, split = path_and_split(rest, "labelme")
    expected = "JSON files as labelme writes them, with shapes and imagePath,"
    return open_reading(Tree(path, split), Asked(f"labelme:{rest}", needs), labelme_readings, expected)


def labelme_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find JSON files of labelme."""
    files = tree.files(".json")
    if not any(map(is_labelme, files[:3])):
        return
    # Files stand for pictures here: a picture may be kept in its file alone.
    found = find_pairs(tree, [], _of_labelme(files))
    if found is not None and found.chosen:
        count, opens = len(found.chosen), partial(_open, asked, tree, found)
        written = f"labelme:{tree.root}" + (f":{tree.split}" if tree.split else "")
        yield Reading(f"{count} JSON files of labelme", count, DECLARED, opens, found.parts, written)


def _of_labelme(files: Paths) -> Paths:
    return files.take(np.array([number for number, path in enumerate(files) if is_labelme(path)], np.int64))


def is_labelme(path: Path) -> bool:
    """Tell by the beginning of a file, whose picture may follow."""
    with path.open("rb") as file:
        start = file.read(4000).replace(b"\0", b"")
    return b'"shapes"' in start or (b'"version"' in start and b'"flags"' in start) or b'"imagePath"' in start


def _open(asked: Asked, tree: Tree, found: Pairing) -> AnnotatedSource:
    others = find_pairs(Tree(tree.root), [])
    pictures = others.pictures if others else Files([])
    files = found.pictures
    read = read_all(files.paths, read_shapes, asked.name, "labelme")
    rows = np.array([files.place(name) for name in found.chosen], np.int64)
    within = np.zeros(len(rows), bool)

    def taken() -> Iterator[Path]:
        for number, (name, row) in enumerate(zip(found.chosen, rows.tolist())):
            path = files.paths[row]
            picture = _picture(path, read.pictures[row], pictures, name)
            within[number] = picture is None
            yield picture or path

    said, own = read.take(rows), Paths.of(taken())
    left = _left_over(pictures, own) if found.whole else np.zeros(0, np.int64)
    alone = pictures.paths.take(left)
    nothing, missing = Annotations.nothing(alone), not_annotated(".json")
    errors = {number: missing(path) for number, path in enumerate(alone)}
    names = (*found.chosen, *(pictures.keys[number] + pictures.paths[number].suffix for number in left.tolist()))
    entries = Entries(
        Names(names), Paths.joined([own, alone]), Annotations.joined(said, replace(nothing, errors=errors)),
        np.zeros(len(names), bool), np.concatenate([within, np.zeros(len(left), bool)]),
    )  # fmt: skip
    listed = tree.root / "classes.txt"
    class_names = read_class_names(listed) if listed.is_file() else read.names_used()
    return AnnotatedSource(
        asked.name, entries, class_names, with_boxes=asked.needs == "boxes", faults=found.faults, notes=found.notes,
        listed=listed, read_within=_within,
    )  # fmt: skip


def _left_over(pictures: Files, taken: Paths) -> np.ndarray:
    """Tell which of the pictures no file is about."""
    known = set(taken.texts())
    return np.array([number for number, text in enumerate(pictures.paths.texts()) if text not in known], np.int64)


def _picture(path: Path, written: str, pictures: Files, name: str) -> Path | None:
    """Find the picture of a file: where it says, beside it, or of the same name elsewhere; None for one within it."""
    written = written.replace("\\", "/")
    tried = [path.parent / written, path.parent / written.rpartition("/")[2]] if written else []
    found = next((place for place in tried if place.is_file()), None)
    found = found or next((place for one in PICTURE_SUFFIXES if (place := path.with_suffix(one)).is_file()), None)
    if found is None and (stem := pictures.stem_of(name)):
        return pictures.file(stem)
    # Written as a listing of the folder gives it.
    return None if found is None else Path(os.path.normpath(found))


def _within(path: Path) -> NamedBytes:
    """Give the picture that a file holds itself."""
    content = read_json(path)
    try:
        return NamedBytes(base64.b64decode(content["imageData"], validate=True), f"the picture in {path}")
    except (KeyError, TypeError, binascii.Error) as error:
        raise DataError(
            f"the picture of {path} ({content.get('imagePath') or 'without a name'}) is neither there nor in the file: "
            "add the picture, or remove the file"
        ) from error


def read_shapes(path: Path) -> Annotation:
    """Read one file: the box round each shape, and round the shapes of one group."""
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise DataError(f"{path} has no list of shapes, expected a file of labelme: replace it")
    groups: dict[Any, tuple[str, list[np.ndarray]]] = {}
    others = 0
    for number, shape in enumerate(content["shapes"], start=1):
        where = f"shape {number} of {path}"
        label = composed(str(shape.get("label") or "")).strip() if isinstance(shape, dict) else ""
        if not label:
            raise DataError(f"{where} has no label: add it, or remove the shape")
        box = _box(shape, where)
        if box is None:
            others += 1
            continue
        group = shape.get("group_id")
        key = number if group is None else (label, str(group))
        groups.setdefault(key, (label, []))[1].append(box)
    boxes = [np.concatenate([np.min(parts, axis=0)[:2], np.max(parts, axis=0)[2:]]) for _, parts in groups.values()]
    names = tuple(label for label, _ in groups.values())
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    return Annotation(
        path, names, corners, np.zeros(len(names), bool), _size(content), repairs=(OTHER_SHAPE,) * others,
        picture=_picture_of(content),
    )  # fmt: skip


def _picture_of(content: dict[str, Any]) -> str:
    """Give the path of a picture that a file names; empty where it is none that a disk could have."""
    named = content.get("imagePath")
    sound = isinstance(named, str) and "\0" not in named and max(map(len, named.split("/"))) < 200
    return named if isinstance(named, str) and sound else ""


def _box(shape: dict[str, Any], where: str) -> np.ndarray | None:
    kind = shape.get("shape_type") or "polygon"
    if kind not in (*_AREAS, "circle"):
        return None
    try:
        points = np.array(shape.get("points"), np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        points = np.zeros((0, 2))
    if len(points) < 2 or not np.isfinite(points).all():
        given = cut(str(shape.get("points")))
        raise DataError(f"{where} has the points {given}, expected pairs of numbers: correct it")
    if kind == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        return np.concatenate([points[0] - radius, points[0] + radius])
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _size(content: dict[str, Any]) -> tuple[int, int] | None:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None
