"""Boxes in JSON files as COCO has them: `coco:IMAGES,JSON`, or a folder of both, `coco:PATH[:SPLIT]`."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ....text import counted
from ...example import Source
from ..coco import folder_and_json, open_instances
from ..folder import folder_of, path_and_split
from ..layouts.base import DECLARED, Asked, Reading, Tree
from ..layouts.names import same_split
from .opening import open_reading

_KEYS = re.compile(rb'"(images|annotations|categories|info|licenses)"')
_STEM = re.compile(r"^(_?annotations\.coco|_?annotations|instances|coco|labels|result|results)?_?", re.IGNORECASE)


def open_coco(rest: str, needs: str) -> Source:
    """Open `IMAGES,JSON`, `JSON` with its pictures near it, or `PATH[:SPLIT]`, a folder that holds both."""
    if _is_path(rest):
        path, split = path_and_split(rest, "coco")
        expected = "pictures and a JSON file in COCO's instances format, such as _annotations.coco.json,"
        return open_reading(Tree(path, split), Asked(f"coco:{rest}", needs), coco_readings, expected)
    if (path := Path(rest).expanduser()).is_file():
        tree = Tree(path.parent)
        tree = tree if tree.pictures() else Tree(path.parent.parent)
        return open_instances(f"coco:{rest}", _pictures_of(tree, path, _part(tree, path)), path, needs)
    folder, path = folder_and_json(rest)
    return open_instances(f"coco:{rest}", folder, path, needs)


def _is_path(rest: str) -> bool:
    return any(Path(text).expanduser().is_dir() for text in (rest, rest.rpartition(":")[0]) if text)


def lists_of_coco(rest: str) -> Path:
    """Give the folder of the lists of a folder's parts, or of those of a JSON file."""
    if _is_path(rest):
        return folder_of(rest)
    return (path if (path := Path(rest).expanduser()).is_file() else folder_and_json(rest)[1]).parent


def coco_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find JSON files of COCO's kind, one for each part, and the folders of their pictures."""
    files = {_part(tree, path): path for path in tree.files(".json") if _is_instances(path)}
    if not files or not tree.pictures():
        return
    parts = [part for part in files if not tree.split or _called(part, tree.split)]
    if len(parts) == 1:
        path = files[parts[0]]
        folder = _pictures_of(tree, path, parts[0])
        count = sum(folder in picture.parents for picture in tree.pictures())
        says = f"{path.relative_to(tree.root)} as COCO has it, {counted(count, 'picture')} in {folder.name}/"
        opens = partial(open_instances, asked.name, folder, path, asked.needs)
        yield Reading(says, count, DECLARED, opens, (), f"coco:{folder},{path}")
    elif parts:
        count, opens = (
            len(tree.pictures()),
            partial(open_instances, asked.name, tree.root, files[parts[0]], asked.needs),
        )
        says = f"{len(parts)} JSON files as COCO has them, {count} pictures"
        yield Reading(says, count, DECLARED, opens, tuple(parts), f"coco:{tree.root}")


def _is_instances(path: Path) -> bool:
    """Tell by the beginning of a JSON file, of which some are very long."""
    with path.open("rb") as file:
        start = file.read(4000).replace(b"\0", b"")
    return b'"shapes"' not in start and len(set(_KEYS.findall(start))) > 0


def _part(tree: Tree, path: Path) -> str:
    """Name the part that a file is about: `train2017` of instances_train2017.json, or else its folder."""
    folder = path.parent.relative_to(tree.root).as_posix().removeprefix(".")
    return _STEM.sub("", path.stem) or folder or path.stem


def _called(part: str, split: str) -> bool:
    words = (part, part.rpartition("/")[2], re.sub(r"\d+$", "", part))
    return any(same_split(word, split) for word in words)


def _pictures_of(tree: Tree, path: Path, part: str) -> Path:
    """Give the folder of a file's pictures: its own, one called after the part, or `images`, else the root."""
    named = [tree.root / part, tree.root / "images" / part, path.parent / part, path.parent.parent / "images"]
    for folder in (path.parent, *named, tree.root / "images"):
        if any(folder == picture.parent for picture in tree.pictures()) and folder != tree.root:
            return folder
    return tree.root
