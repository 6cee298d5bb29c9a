"""What a JSON file in COCO's instances format says, in arrays: read piece by piece, and kept for the next time."""

import json
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json.decoder import WHITESPACE, JSONDecoder  # type: ignore[attr-defined]
from pathlib import Path
from time import monotonic, time_ns
from typing import Any

import numpy as np

from ....errors import DataError
from ....text import read_json, read_text
from ... import kept_arrays
from ...kept_arrays import keep, place_of, ragged_arrays, ragged_of, read_kept, times_of
from ...names import Names
from ..box_coding import numbers

Fields = dict[str, Any]

PARTS = ("images", "annotations", "categories")
_LARGEST = 2**62


@dataclass(frozen=True, eq=False)
class Written:
    """The records of a file, in its order; of a record that is not as usual, the fields stand in `odd_*` as written.

    Attributes:
        categories: as they are written.
        used: the categories that annotations name, as texts.
        image_ids: int64 [n].
        file_names: of the images; an odd one's is empty.
        sizes: int64 [n, 2], height and width, -1 and -1 where not stated.
        odd_images: number of the image -> its fields.
        ids, images, classes: int64 [m], the annotations' own ids, those of their images and of their categories.
        boxes: float64 [m, 4], as [x, y, width, height]; no numbers where the bbox is none.
        crowds: bool [m].
        areas: float64 [m], no number where there is none.
        odd: number of the annotation -> its fields.
        outlines: the segmentation of each annotation in JSON, where it is wanted.
    """

    categories: list[Fields]
    used: list[str]
    image_ids: np.ndarray
    file_names: Names
    sizes: np.ndarray
    odd_images: dict[int, Fields]
    ids: np.ndarray
    images: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray
    crowds: np.ndarray
    areas: np.ndarray
    odd: dict[int, Fields]
    outlines: Names | None


def read_written(path: Path, *, outlines: bool = False) -> Written:
    """Read a file; DataError where it is none of COCO's instances format."""
    times = times_of((str(path),), time_ns())
    place = place_of(path.name, json.dumps(["coco", outlines, times])) if times else None
    arrays = read_kept(place) if place else None
    if arrays is not None:
        return _of_arrays(arrays)
    begun = monotonic()
    written = _parsed(path, outlines)
    if place and monotonic() - begun > kept_arrays.WORTH:
        keep(place, _arrays(written))
    return written


class _Images:
    def __init__(self) -> None:
        self.ids, self.names, self.sizes, self.odd = array("q"), list[str](), array("q"), dict[int, Fields]()

    def add(self, one: Fields) -> None:
        id_, name, size = one.get("id"), one.get("file_name"), size_of(one)
        usual = type(id_) is int and isinstance(name, str) and name and abs(id_) < _LARGEST
        if not usual or (size is not None and (min(size) < 0 or max(size) > _LARGEST)):
            self.odd[len(self.names)] = one
            id_, name, size = 0, "", None
        self.ids.append(id_)  # type: ignore[arg-type]
        self.names.append(name)  # type: ignore[arg-type]
        self.sizes.extend(size or (-1, -1))


class _Annotations:
    def __init__(self, outlines: bool):
        self.ids, self.images, self.classes, self.odd = array("q"), array("q"), array("q"), dict[int, Fields]()
        self.boxes, self.areas, self.crowds = array("d"), array("d"), bytearray()
        self.used: dict[object, str] = {}
        self.outlines: list[str] | None = [] if outlines else None

    def add(self, one: Fields) -> None:
        id_, image, class_, bbox = one.get("id"), one.get("image_id"), one.get("category_id"), one.get("bbox")
        box, area = numbers(bbox), one.get("area")
        usual = type(id_) is type(image) is type(class_) is int and box is not None
        if usual and max(abs(id_), abs(image), abs(class_)) < _LARGEST:  # type: ignore[arg-type]
            if class_ not in self.used:
                self.used[class_] = str(class_)
            self.ids.append(id_)  # type: ignore[arg-type]
            self.images.append(image)  # type: ignore[arg-type]
            self.classes.append(class_)  # type: ignore[arg-type]
        else:
            self.used[str(class_), type(class_)] = str(class_)
            self.odd[len(self.ids)] = {"id": id_, "image_id": image, "category_id": class_, "bbox": bbox}
            for values in (self.ids, self.images, self.classes):
                values.append(0)
        self.boxes.extend(box or (np.nan,) * 4)
        self.crowds.append(one.get("iscrowd") in (1, "1"))
        self.areas.append(float(area) if isinstance(area, (int, float)) and 0 < area < 1e12 else np.nan)
        if self.outlines is not None:
            self.outlines.append(json.dumps(one.get("segmentation"), separators=(",", ":")))


def _parsed(path: Path, outlines: bool) -> Written:
    images, annotations, categories = _Images(), _Annotations(outlines), list[Fields]()
    takers: dict[str, Callable[[Fields], None]]
    takers = {"images": images.add, "annotations": annotations.add, "categories": categories.append}
    try:
        seen = _walk(read_text(path), takers)
    except (ValueError, IndexError, StopIteration, RecursionError, _Irregular):
        # The whole of it tells what is wrong, and parts that stand twice are taken as JSON has it.
        images, annotations, categories = _Images(), _Annotations(outlines), []
        takers = {"images": images.add, "annotations": annotations.add, "categories": categories.append}
        content = read_json(path)
        seen = set()
        for part, take in takers.items():
            if isinstance(content, dict) and _is_records(content.get(part)):
                seen.add(part)
                for one in content[part]:
                    take(one)
    missing = [part for part in PARTS if part not in seen]
    if missing:
        raise DataError(
            f"{path} has no list of {' and '.join(missing)}: expected COCO's instances format, with {', '.join(PARTS)}"
        )
    return Written(
        categories,
        list(dict.fromkeys(annotations.used.values())),
        np.array(images.ids, np.int64),
        Names(images.names),
        np.array(images.sizes, np.int64).reshape(-1, 2),
        images.odd,
        np.array(annotations.ids, np.int64),
        np.array(annotations.images, np.int64),
        np.array(annotations.classes, np.int64),
        np.array(annotations.boxes, np.float64).reshape(-1, 4),
        np.frombuffer(bytes(annotations.crowds), np.bool_),
        np.array(annotations.areas, np.float64),
        annotations.odd,
        None if annotations.outlines is None else Names(annotations.outlines),
    )


class _Irregular(Exception):
    """A file that is better read as a whole."""


def _walk(text: str, takers: Mapping[str, Callable[[Fields], None]]) -> set[str]:
    """Hand each record of the lists to whoever takes it, one after the other; gives which lists there are."""
    decode, blank = JSONDecoder().raw_decode, WHITESPACE.match
    seen: set[str] = set()

    def after(place: int) -> int:
        return int(blank(text, place).end())

    place = after(0)
    if text[place : place + 1] != "{":
        raise _Irregular
    place = after(place + 1)
    while text[place : place + 1] == '"':
        key, place = decode(text, place)
        place = after(place)
        if text[place : place + 1] != ":" or key in seen:
            raise _Irregular
        place = after(place + 1)
        if key in takers:
            seen.add(key)
            place = _list(text, place, takers[key], decode, after)
        else:
            _, place = decode(text, place)
        place = after(place)
        if text[place : place + 1] == "}":
            if after(place + 1) != len(text):
                raise _Irregular
            return seen
        if text[place : place + 1] != ",":
            raise _Irregular
        place = after(place + 1)
    raise _Irregular


def _list(text: str, place: int, take: Callable[[Fields], None], decode: Any, after: Callable[[int], int]) -> int:
    if text[place : place + 1] != "[":
        raise _Irregular
    place = after(place + 1)
    if text[place : place + 1] == "]":
        return place + 1
    while True:
        one, place = decode(text, place)
        if not isinstance(one, dict):
            raise _Irregular
        take(one)
        # Mostly there is a comma, and one blank behind it.
        if text[place] not in ",]":
            place = after(place)
        if text[place] == "]":
            return place + 1
        if text[place] != ",":
            raise _Irregular
        place = after(place + 1)


def size_of(image: Fields) -> tuple[int, int] | None:
    """Give the (height, width) that an image states, where it does."""
    try:
        return int(image["height"]), int(image["width"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _is_records(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_PLAIN = ("image_ids", "sizes", "ids", "images", "classes", "boxes", "crowds", "areas")


def _arrays(written: Written) -> dict[str, np.ndarray]:
    """Write it as arrays."""
    odd = {"odd_images": written.odd_images, "odd": written.odd}
    about = {"categories": written.categories, "used": written.used} | {
        name: list(found.items()) for name, found in odd.items()
    }
    arrays = {name: getattr(written, name) for name in _PLAIN}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    arrays |= ragged_arrays("file_names", written.file_names.rows)
    return arrays | (ragged_arrays("outlines", written.outlines.rows) if written.outlines is not None else {})


def _of_arrays(arrays: Mapping[str, np.ndarray]) -> Written:
    about = json.loads(arrays["about"].tobytes())
    outlines = ragged_of(arrays, "outlines", np.uint8) if "outlines values" in arrays else None
    return Written(
        categories=about["categories"],
        used=about["used"],
        file_names=Names.of_rows(ragged_of(arrays, "file_names", np.uint8)),
        odd_images=dict(about["odd_images"]),
        odd=dict(about["odd"]),
        outlines=None if outlines is None else Names.of_rows(outlines),
        **{name: arrays[name] for name in _PLAIN},
    )
