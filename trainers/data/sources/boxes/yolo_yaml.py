"""What YOLO's data.yaml says: the classes, and where the pictures of each part lie."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import DataError
from ....text import composed, cut, read_text, repeated
from ...classes import read_class_names
from ..layouts.base import Tree

PARTS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
_NAMES = ("classes.txt", "obj.names", "_darknet.labels", "classes.names", "predefined_classes.txt")


@dataclass(frozen=True)
class YoloSet:
    """What is said of a set: number -> class, and by whom; part -> folders and lists of pictures; numbers a keypoint.

    Attributes:
        keypoints: how many numbers follow each box, for keypoints; 0 for none.
    """

    names: Mapping[int, str]
    file: Path | None = None
    parts: Mapping[str, tuple[Path, ...]] | None = None
    keypoints: int = 0


def read_yolo_set(tree: Tree) -> YoloSet:
    """Read the .yaml file of a folder, the one nearest to its root, or else its list of classes."""
    for path in sorted(tree.files(".yaml", ".yml"), key=lambda path: (len(path.parts), path.stem != "data")):
        try:
            content = _parsed(path)
        except DataError:
            # Other tools' settings may be written in templates, which are no YAML.
            if path.stem == "data":
                raise
            continue
        if isinstance(content, dict) and "names" in content:
            return _described(path, content)
    lists = [path for name in _NAMES for path in tree.files(name) if path.name.lower() == name]
    lists += [path for path in tree.files(".names") if path not in lists]
    if lists:
        return YoloSet(dict(enumerate(read_class_names(lists[0]))), lists[0])
    return YoloSet({})


def _parsed(path: Path) -> Any:
    # Only when needed: reading other data takes no YAML.
    import yaml

    try:
        return yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1})" if place else ""
        raise DataError(f"{path} cannot be read as YAML{where}: correct it, or write it again") from error


def _described(path: Path, content: dict[str, Any]) -> YoloSet:
    names = _names(path, content["names"])
    count = content.get("nc")
    if isinstance(count, int) and count != len(names):
        raise DataError(f"{path} says nc: {count} and names {len(names)} classes: correct one of them")
    base = _base(path, content.get("path"))
    parts = {}
    for part, keys in PARTS.items():
        given = next((content[key] for key in keys if content.get(key)), None)
        entries = given if isinstance(given, list) else [given] * (given is not None)
        if entries:
            parts[part] = tuple(_place(path, base, entry, part) for entry in entries)
    shape = content.get("kpt_shape")
    keypoints = int(shape[0]) * int(shape[1]) if isinstance(shape, list) and len(shape) == 2 else 0
    return YoloSet(names, path, parts, keypoints)


def _names(path: Path, given: Any) -> dict[int, str]:
    try:
        names = dict(enumerate(given)) if isinstance(given, list) else {int(key): given[key] for key in given}
    except (TypeError, ValueError) as error:
        raise DataError(f"the names in {path} are no list and no numbers with names: write [cat, dog]") from error
    names = {number: composed(str(name)).strip() for number, name in sorted(names.items())}
    twice = sorted(repeated(names.values()))
    if twice or not names:
        wrong = f"names the class {cut(', '.join(twice), 200)} twice" if twice else "names no class"
        raise DataError(f"{path} {wrong}: give each class a name of its own")
    return names


def _base(path: Path, given: Any) -> list[Path]:
    """Give the folders from which the parts may be meant: `path`, itself or from the file, and the file's own."""
    own = path.parent
    if not isinstance(given, str) or not given.strip():
        return [own]
    said = Path(given).expanduser()
    return [folder for folder in (said, own / said) if os.path.isdir(folder) and said != Path(".")] + [own]


def _place(path: Path, bases: list[Path], entry: Any, part: str) -> Path:
    """Find a folder or list of pictures; files that were moved name folders that are elsewhere now."""
    if not isinstance(entry, str):
        raise DataError(f"{path} has {entry!r} as {part}: expected a folder of pictures or a list of their names")
    entry = entry.replace("\\", "/").strip().rstrip("/")
    inside = entry
    while inside.startswith("../"):
        inside = inside.removeprefix("../")
    # As written first, then as Roboflow means it, then the end of a path of another machine.
    parts = [piece for piece in inside.split("/") if piece not in ("", ".")]
    tails = ["/".join(parts[start:]) for start in range(1, len(parts))]
    tried = [base.joinpath(candidate) for candidate in (entry, inside) for base in bases]
    for place in (*tried, *(bases[-1] / tail for tail in tails)):
        if os.path.exists(place):  # not of pathlib, which raises where a name is too long
            return place
    raise DataError(
        f"{path} has {cut(entry, 200)} as {part}, and there is no {cut(str(tried[0]), 400)}: correct the path"
    )
