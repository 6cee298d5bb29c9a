"""Which colours of label files mean which classes, as the files of several tools say it."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...text import read_json, read_text
from ..classes import MOST_CLASSES
from ..example import IGNORE
from .base import colour_codes

IGNORED_NAMES = ("__ignore__",)
"""What labelme calls the pixels that do not count."""


@dataclass(frozen=True, eq=False)
class ColourMap:
    """Colours uint8 [n, 3] and the class of each, an index into `names` or 255 (ignore); `file` is named in errors."""

    names: tuple[str, ...]
    colours: np.ndarray
    classes: np.ndarray
    file: str

    def __post_init__(self) -> None:
        codes = colour_codes(self.colours)
        order = np.argsort(codes)
        object.__setattr__(self, "_codes", codes[order])
        object.__setattr__(self, "_sorted", self.classes[order].astype(np.uint8))

    def find(self, colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the class of each colour uint8 [..., 3], and where it is none of the map's: uint8 and bool [...]."""
        known: np.ndarray = vars(self)["_codes"]
        codes = colour_codes(colours)
        at = np.searchsorted(known, codes).clip(max=len(known) - 1)
        classes: np.ndarray = vars(self)["_sorted"][at]
        return classes, known[at] != codes


def read_colours(path: str | Path) -> ColourMap:
    """Read which colour means which class: lines of `R G B NAME`, NAME:R,G,B of CVAT, CSV with a heading, or JSON.

    The classes are numbered in the order of the file; several colours may have one name. DataError where it is none.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path} that maps colours to classes: check --colours")
    found = _of_json(path) if path.suffix.lower() == ".json" else list(_of_lines(read_text(path), path))
    entries = [(name.strip(), tuple(rgb)) for name, rgb in found]
    if not entries or not all(name and all(0 <= part <= 255 for part in rgb) for name, rgb in entries):
        raise DataError(
            f"{path} has {'a colour out of 0..255 or without a name' if entries else 'no colours'}: {_FORM}"
        )
    means: dict[tuple[int, ...], str] = {}
    for name, rgb in entries:
        if means.setdefault(rgb, name) != name:
            raise DataError(
                f"{path} gives the colour {' '.join(map(str, rgb))} to {means[rgb]} and {name}: correct one"
            )
    names = tuple(dict.fromkeys(name for name in means.values() if name not in IGNORED_NAMES))
    if not 0 < len(names) <= MOST_CLASSES:
        raise DataError(f"{path} names {len(names)} classes, expected 1 to {MOST_CLASSES}: {_FORM}")
    class_of = {name: number for number, name in enumerate(names)}
    classes = [class_of.get(name, IGNORE) for name in means.values()]
    return ColourMap(names, np.array(list(means), np.uint8), np.array(classes), str(path))


_FORM = "write R G B NAME in each line, such as 128 0 0 car"


def _of_lines(text: str, path: Path) -> Iterator[tuple[str, Sequence[int]]]:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    heading = [word.strip().lower() for word in re.split("[,;\t]", lines[0])] if lines else []
    columns = [next((at for at, word in enumerate(heading) if word in known), -1) for known in _HEADINGS]
    if min(columns) >= 0:
        for row in csv.reader(lines[1:], delimiter=next(mark for mark in ",;\t" if mark in lines[0])):
            yield row[columns[0]], _numbers([row[at] for at in columns[1:]], path, ",".join(row))
        return
    for line in lines:
        first = re.match(r"(\d+)[\s,;]+(\d+)[\s,;]+(\d+)[\s,;]+(.+)", line)
        last = re.match(r"(.+?)\s*[:,;\s]\s*(\d+)[\s,;]+(\d+)[\s,;]+(\d+)\s*(?::.*)?$", line)
        if first:
            yield first[4], _numbers(first.groups()[:3], path, line)
        elif last:
            yield last[1], _numbers(last.groups()[1:], path, line)
        else:
            raise DataError(f"{path} has the line {line!r}, which is no colour with a name: {_FORM}")


_HEADINGS = (("name", "class", "label", "class_name"), ("r", "red"), ("g", "green"), ("b", "blue"))


def _of_json(path: Path) -> list[tuple[str, Sequence[int]]]:
    content = read_json(path)
    if isinstance(content, dict) and all(re.fullmatch(r"#?[0-9a-fA-F]{6}|[\d\s,()\[\]]+", key) for key in content):
        content = {name: colour for colour, name in content.items()}
    items: Iterable[Any] = content.items() if isinstance(content, dict) else content
    return [_entry(item, path) for item in items]


def _entry(item: Any, path: Path) -> tuple[str, Sequence[int]]:
    if isinstance(item, dict):
        named = (
            item.get("name", item.get("label", item.get("class"))),
            item.get("color", item.get("colour", item.get("rgb"))),
        )
    else:
        named = tuple(item) if isinstance(item, (tuple, list)) and len(item) == 2 else (None, None)
    name, colour = named
    if isinstance(colour, str):
        hexadecimal = re.fullmatch(r"#?([0-9a-fA-F]{6})", colour.strip())
        colour = list(bytes.fromhex(hexadecimal[1])) if hexadecimal else re.findall(r"\d+", colour)
    if not isinstance(name, str) or not isinstance(colour, list) or len(colour) != 3:
        raise DataError(f'{path} has the entry {item!r}, expected a name and a colour, such as {{"car": [128, 0, 0]}}')
    return name, _numbers(colour, path, str(item))


def _numbers(parts: Iterable[Any], path: Path, line: str) -> list[int]:
    try:
        return [int(part) for part in parts]
    except (TypeError, ValueError):
        raise DataError(f"{path} has the line {line!r}, whose colour is no three numbers: {_FORM}") from None
