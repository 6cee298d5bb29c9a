"""Class maps drawn of outlines: JSON files of labelme, one for each picture."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ....errors import DataError
from ...classes import MOST_CLASSES, read_class_names
from ...paths import Paths
from ...pixel_files.colours import IGNORED_NAMES
from ...pixel_files.outlines import WITHIN, LabelmeReader, labelme_shapes, shape_label
from ..boxes.labelme import is_labelme
from ..boxes.pairing import Pairing, find_pairs
from ..folder import FolderSource
from .base import DECLARED, Asked, Reading, Tree

_LISTS = ("classes.txt", "labels.txt", "class_names.txt")


def labelme_map_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find JSON files of labelme beside their pictures."""
    files = tree.files(".json")
    if not any(map(is_labelme, files[:3])):
        return
    found = find_pairs(tree, [path for path in files if is_labelme(path)])
    if found is not None and found.pairs:
        says = f"pictures and JSON files of labelme, {found.pairs} pairs, outlines drawn as class maps"
        yield Reading(says, found.pairs, DECLARED, partial(_open, tree, asked, found), found.parts)


def _open(tree: Tree, asked: Asked, found: Pairing) -> FolderSource:
    stems = found.files.stems
    images = found.pictures.grouped(found.chosen)
    others = found.files.grouped(stems if found.whole else [stem for stem in stems if stem in found.chosen])
    names = _class_names(tree.root, found.files.paths)
    source = FolderSource(
        asked.name, images, others, "labels", LabelmeReader(names), class_names=names, wanted="*.json"
    )
    source.ignores = True
    return source


def _class_names(root: Path, files: Paths) -> tuple[str, ...]:
    """Give the background and the names of a list, or else the labels of all files, sorted, whatever the part."""
    listed = next((root / name for name in _LISTS if (root / name).is_file()), None)
    if listed is not None:
        names = ["background" if name == WITHIN else name for name in read_class_names(listed)]
    else:
        names = sorted({name for path in files for name in _labels(path) if name})
    others = [name for name in names if name not in (*IGNORED_NAMES, "background")]
    if len(others) >= MOST_CLASSES:
        raise DataError(f"{root} has {len(others)} labels, a class map holds {MOST_CLASSES - 1} beside the background")
    return ("background", *others)


def _labels(path: Path) -> set[str]:
    try:
        return {shape_label(shape) for shape in labelme_shapes(path)["shapes"]}
    except DataError:
        # Said when its picture is read.
        return set()
