"""Boxes in JSON files as labelme has them, a file for each picture: `labelme:PATH[:SPLIT]`."""

import base64
import binascii
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import DataError
from ....text import composed, cut, read_json
from ...classes import read_class_names
from ...example import Source
from ...images import PICTURE_SUFFIXES
from ..annotations import Files
from ..archives import NamedBytes
from ..folder import path_and_split
from ..layouts.base import DECLARED, Asked, Reading, Tree
from .annotated import Annotated, AnnotatedSource, Annotation, read_all
from .opening import open_reading
from .pairing import Pairing, find_pairs, not_annotated

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
    found = find_pairs(tree, [], [path for path in files if is_labelme(path)])
    if found is not None and found.chosen:
        count, opens = len(found.chosen), partial(_open, asked, tree, found)
        written = f"labelme:{tree.root}" + (f":{tree.split}" if tree.split else "")
        yield Reading(f"{count} JSON files of labelme", count, DECLARED, opens, found.parts, written)


def is_labelme(path: Path) -> bool:
    """Tell by the beginning of a file, whose picture may follow."""
    with path.open("rb") as file:
        start = file.read(4000).replace(b"\0", b"")
    return b'"shapes"' in start or (b'"version"' in start and b'"flags"' in start) or b'"imagePath"' in start


def _open(asked: Asked, tree: Tree, found: Pairing) -> AnnotatedSource:
    others = find_pairs(Tree(tree.root), [])
    pictures = others.pictures if others else Files([])
    read = read_all(found.pictures.paths, read_shapes, asked.name)
    entries, taken = [], set()
    for name in found.chosen:
        path = found.pictures.file(name)
        said = read[path]
        picture = _picture(path, said, pictures, name)
        taken.add(picture)
        entries.append(Annotated(name, picture, said))
    missing = not_annotated(".json")
    for path in pictures.paths if found.whole else ():
        if path not in taken:
            entries.append(Annotated(pictures.key(path) + path.suffix, path, missing(path)))
    listed = tree.root / "classes.txt"
    names = sorted({name for said in read.values() if isinstance(said, Annotation) for name in said.names})
    class_names = read_class_names(listed) if listed.is_file() else names
    with_boxes = asked.needs == "boxes"
    return AnnotatedSource(
        asked.name, entries, class_names, with_boxes=with_boxes, faults=found.faults, notes=found.notes, listed=listed
    )


def _picture(path: Path, said: Annotation | DataError, pictures: Files, name: str) -> Any:
    """Find the picture of a file: where it says, beside it, or of the same name elsewhere; else the one within it."""
    written = "" if isinstance(said, DataError) else said.picture.replace("\\", "/")
    tried = [path.parent / written, path.parent / written.rpartition("/")[2]] if written else []
    tried += [path.with_suffix(suffix) for suffix in PICTURE_SUFFIXES]
    found = next((place for place in tried if place.is_file()), None)
    if found is None and (stem := pictures.stem_of(name)):
        return pictures.file(stem)
    # Written as a listing of the folder gives it.
    return partial(_within, path) if found is None else Path(os.path.normpath(found))


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
