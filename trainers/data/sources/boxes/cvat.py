"""Boxes in the XML files of CVAT, a file for all pictures of a task: `cvat:PATH[:SPLIT]`."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ....errors import DataError
from ....text import composed, counted
from ...example import Source
from ...names import Names
from ..folder import path_and_split
from ..layouts.base import DECLARED, Asked, Reading, Tree
from ..layouts.names import same_split, split_of
from ..picture_folder import PictureFolder
from .annotated import AnnotatedSource, Entries
from .annotation import Annotation, Annotations
from .opening import open_reading
from .voc_xml import parse_xml

OTHER_SHAPE = "point, line or skeleton, which is no box, left out"
_SHAPES = ("box", "polygon", "ellipse", "mask", "cuboid")
_OTHERS = ("points", "polyline", "skeleton")
_NO_SHAPES = ("tag",)


def open_cvat(rest: str, needs: str) -> Source:
    """Open `PATH[:SPLIT]`, pictures and annotations.xml of "CVAT for images" or "CVAT for video"."""
    path, split = path_and_split(rest, "cvat")
    expected = "annotations.xml as CVAT writes it and its pictures"
    return open_reading(Tree(path, split), Asked(f"cvat:{rest}", needs), cvat_readings, expected)


def cvat_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find XML files of CVAT, one for each part."""
    files = [path for path in tree.files(".xml") if len(tree.files(".xml")) < 100 and _is_cvat(path)]
    folders = {path: path.parent.relative_to(tree.root).as_posix().removeprefix(".") for path in files}
    chosen = [
        path for path, folder in folders.items()
        if not tree.split or same_split(split_of(folder.split("/")), tree.split) or tree.split in folder.split("/")
    ]  # fmt: skip
    if chosen and tree.pictures():
        splits = tuple(folders[path] for path in chosen) if len(chosen) > 1 else ()
        says = f"{chosen[0].relative_to(tree.root)} of CVAT, {counted(len(tree.pictures()), 'picture')}"
        written = f"cvat:{tree.root}" + (f":{tree.split}" if tree.split else "")
        yield Reading(says, len(tree.pictures()), DECLARED, partial(_open, asked, chosen[0]), splits, written)


def _is_cvat(path: Path) -> bool:
    with path.open("rb") as file:
        return re.search(rb"<annotations\b", file.read(2000).replace(b"\0", b"")) is not None


def _open(asked: Asked, path: Path) -> AnnotatedSource:
    root = parse_xml(path)
    if root.tag != "annotations":
        raise DataError(f"{path} holds <{root.tag}>, expected <annotations> as CVAT has it: export the task again")
    read = _of_images(root, path) if root.find("image") is not None else _of_tracks(root, path)
    said = Annotations.of(Names(str(one.file) for one in read), read)
    del read
    folder = PictureFolder(path.parent)
    found = folder.find_all(said.pictures, path)
    entries = Entries(said.pictures, found.paths, said, np.zeros(len(said), bool), faults=found.errors)
    labels = [composed(item.text or "").strip() for item in root.iterfind(".//label/name")]
    names = list(dict.fromkeys(labels)) or said.names_used()
    occluded = sum(item.get("occluded") == "1" and item.get("outside") != "1" for item in root.iter())
    notes = [f"{occluded} objects are occluded in part: they train and count as the others do"] * (occluded > 0)
    notes += [f"{counted(folder.unlisted, 'picture')} not in {path}: not used"] * (folder.unlisted > 0)
    return AnnotatedSource(asked.name, entries, names, with_boxes=asked.needs == "boxes", notes=notes,
                           listed=f"<labels> in {path}", of_all=[path])  # fmt: skip


def _of_images(root: Element, path: Path) -> list[Annotation]:
    """Read "CVAT for images": the shapes within each picture."""
    read = []
    for number, image in enumerate(root.iterfind("image"), start=1):
        name = image.get("name")
        if not name:
            raise DataError(f"image {number} of {path} has no name: export the task again")
        size = _size(image.get("height"), image.get("width"))
        read.append(_annotation(path, composed(name), list(image), size))
    return read


def _of_tracks(root: Element, path: Path) -> list[Annotation]:
    """Read "CVAT for video": each object over the frames in which it is not outside."""
    shapes: dict[int, list[Element]] = defaultdict(list)
    for track in root.iterfind("track"):
        label, last = track.get("label") or "", None
        for shape in track:
            frame = int(_number(shape, "frame", path))
            if last is not None and frame > last + 1:
                raise DataError(
                    f"track {track.get('id')} of {path} says nothing of frame {last + 1}, in which its object is seen: "
                    "export the task with all frames, not key frames alone"
                )
            outside = shape.get("outside") == "1"
            last = None if outside else frame
            if not outside:
                shape.set("label", label)
                shapes[frame].append(shape)
    size = _size(root.findtext(".//original_size/height"), root.findtext(".//original_size/width"))
    count = root.findtext(".//task/size") or root.findtext(".//job/size") or ""
    frames = range(int(count)) if count.isdigit() else sorted(shapes)
    # As CVAT calls the pictures of a video when it exports them, too.
    return [_annotation(path, f"frame_{frame:06d}.{_ending(path.parent)}", shapes[frame], size) for frame in frames]


def _ending(folder: Path) -> str:
    first = next(iter(sorted(folder.rglob("frame_*"))), None)
    return first.suffix.removeprefix(".") if first else "PNG"


def _annotation(path: Path, name: str, shapes: list[Element], size: tuple[int, int] | None) -> Annotation:
    names, boxes, others = [], [], 0
    for shape in shapes:
        if shape.tag in _OTHERS:
            others += 1
        elif shape.tag in _SHAPES:
            label = composed(shape.get("label") or "").strip()
            if not label:
                raise DataError(f"a {shape.tag} of {name} in {path} has no label: export the task again")
            names.append(label)
            boxes.append(_box(shape, path))
        elif shape.tag not in _NO_SHAPES:
            raise DataError(f"{name} in {path} has a <{shape.tag}>, expected {', '.join(_SHAPES)}: remove it")
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    none = np.zeros(len(names), bool)
    return Annotation(
        f"{name} in {path}", tuple(names), corners, none, size, repairs=(OTHER_SHAPE,) * others, picture=name
    )


def _box(shape: Element, path: Path) -> np.ndarray:
    """Give the upright box round a shape."""
    if shape.tag == "mask":
        left, top, width, height = (_number(shape, key, path) for key in ("left", "top", "width", "height"))
        return np.array([left, top, left + width, top + height])
    if shape.tag == "ellipse":
        x, y, across, down = (_number(shape, key, path) for key in ("cx", "cy", "rx", "ry"))
        sine, cosine = np.sin(turn := _turn(shape)), np.cos(turn)
        half = np.hypot([across * cosine, across * sine], [down * sine, down * cosine])
        return np.concatenate([np.array([x, y]) - half, np.array([x, y]) + half])
    if shape.tag == "box":
        x0, y0, x1, y1 = (_number(shape, key, path) for key in ("xtl", "ytl", "xbr", "ybr"))
        points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        if turn := _turn(shape):
            centre = np.array([x0 + x1, y0 + y1]) / 2
            points = (points - centre) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]] + centre
        elif x0 > x1 or y0 > y1:
            return np.array([x0, y0, x1, y1])  # to be mended, and counted
    elif shape.tag == "cuboid":
        sides = [float(value) for key, value in shape.attrib.items() if re.fullmatch(r"[xy][tb][lr]\d", key)]
        points = np.array(sides).reshape(-1, 2)
    else:
        text = shape.get("points") or ""
        try:
            points = np.array([pair.split(",") for pair in text.split(";")], np.float64)
        except ValueError as error:
            raise DataError(f"a polygon in {path} has the points {text[:60]!r}: expected x,y;x,y") from error
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _turn(shape: Element) -> float:
    """Give a shape's rotation in radians, clockwise on the screen."""
    return float(np.deg2rad(float(shape.get("rotation") or 0)))


def _number(shape: Element, key: str, path: Path) -> float:
    try:
        value = float(shape.get(key) or "")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise DataError(f"a <{shape.tag}> in {path} has {shape.get(key)!r} as {key}, expected a number: correct it")
    return value


def _size(height: str | None, width: str | None) -> tuple[int, int] | None:
    return (int(height), int(width)) if height and width and height.isdigit() and width.isdigit() else None
