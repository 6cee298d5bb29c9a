"""`auto:PATH[:SPLIT]`, and a bare path: the layout is recognised."""

from dataclasses import replace

import numpy as np

from ....errors import DataError, MetricfitError
from ...example import IGNORE, PLURALS, Source
from ...pixel_files.coding import FileCoding
from ..boxes.voc import known_splits
from ..folder import CLASS_FILES, path_and_split
from .base import Asked, Reading, Tree
from .names import is_part
from .registry import LAYOUTS

_USUAL = ("mask", "boxes", "labels")
# More classes than nearly all class maps have, and fewer than the shades of a soft mask.
_MOST_CLASSES = 64
_MOST_NAMED = 3


def open_auto(rest: str, needs: str, files: FileCoding) -> Source:
    """Open `PATH[:SPLIT]` as the layout that is recognised for what is needed; `Source.recognised` says which."""
    path, split = path_and_split(rest, "auto")
    tree, asked = Tree(path, split), Asked(f"auto:{rest}", needs, files)
    found = _readings(tree, asked)
    if needs == "none" and not found:
        found = _of_targets(tree, asked)[:1]  # a part that a list names, with the pictures whose targets are known
    if not found:
        raise DataError(_nothing(tree, asked))
    reading = _chosen(tree, found)
    if reading.splits:
        named = ", ".join(f"{path}:{name}" for name in reading.splits)
        raise DataError(f"{path} has the parts {', '.join(reading.splits)} ({reading.says}): name one, {named}")
    source = reading.open()
    source.recognised = (f"{rest}: {reading.says}{_left_out(tree, reading)}",)
    return source


def _left_out(tree: Tree, reading: Reading) -> str:
    """Say which other folders of pictures there are: a part without masks, or masks of another kind."""
    counts = {folder: len(tree.pictures(folder)) for folder in tree.folders if folder not in reading.places}
    left = [f"{folder or '.'}/ ({count})" for folder, count in counts.items() if count and reading.places]
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    return f"; not read: {', '.join(left[:_MOST_NAMED])}{more}" if left else ""


def usual_of_auto(rest: str) -> str:
    """Tell which kind of target is recognised most surely in a folder; masks where none is."""
    path, split = path_and_split(rest, "auto")
    found = _surest(Tree(path, split), rest)
    if split and not found:
        found = _surest(Tree(path), rest)  # a part that is not there is refused by what the others are
    usual = max(found, key=lambda needs: _rank(found[needs]), default="mask")
    rivals = "mask" in found and "labels" in found and _rank(found["mask"]) == _rank(found["labels"])
    return "labels" if usual == "mask" and rivals and _are_numbers(found["labels"]) else usual


def _surest(tree: Tree, rest: str) -> dict[str, Reading]:
    best = {needs: _readings(tree, Asked(rest, needs)) for needs in _USUAL}
    return {needs: readings[0] for needs, readings in best.items() if readings}


def _are_numbers(reading: Reading) -> bool:
    """Tell by the first example whether files that may be masks are class maps: three small values or more."""
    try:
        labels = reading.open().load(0).labels
    except (MetricfitError, IndexError):
        return False
    values = np.unique(labels[labels != IGNORE]) if labels is not None else np.zeros(0)
    return len(values) > 2 and bool(values.max() <= _MOST_CLASSES)


def _of_targets(tree: Tree, asked: Asked) -> list[Reading]:
    """Give the readings by any kind of target, the surest first."""
    found = [reading for needs in _USUAL for reading in _readings(tree, replace(asked, needs=needs))]
    return sorted(found, key=_rank, reverse=True)


def _rank(reading: Reading) -> tuple[int, int]:
    return reading.sure, reading.count


def _readings(tree: Tree, asked: Asked) -> list[Reading]:
    """Give the readings, the surest first, each with the name of its layout."""
    found = [
        replace(reading, says=f"{reading.says} ({layout.name})")
        for layout in LAYOUTS
        if asked.needs in layout.holds
        for reading in layout.readings(tree, asked)
    ]
    return sorted(found, key=_rank, reverse=True)


def _chosen(tree: Tree, found: list[Reading]) -> Reading:
    first, *others = found
    rivals = [first, *(other for other in others if _rank(other) == _rank(first))]
    if len(rivals) == 1:
        return first
    ways = " or ".join(reading.says for reading in rivals)
    written = [reading.written for reading in rivals if reading.written]
    advice = f"write {' or '.join(written)}" if written else "leave one of them in a folder of its own"
    raise DataError(f"{tree.root} can be read in {len(rivals)} ways, as {ways}: {advice}")


def _nothing(tree: Tree, asked: Asked) -> str:
    bare = [folder for folder in tree.folders if tree.pictures(folder) and is_part(folder, tree.split)]
    if tree.split and bare:
        count = len(tree.pictures(bare[0]))
        return (
            f"the part {tree.split} of {tree.root} has {count} picture{'s' * (count != 1)} in {bare[0]}/, and no "
            f"{PLURALS[asked.needs]}: add them beside it, as docs/data.md shows, or name another part"
        )
    find, whole = _of_targets if asked.needs == "none" else _readings, Tree(tree.root)
    if tree.split and (readings := find(whole, asked) or _readings(whole, asked)):
        lists = [path.stem for path in tree.files(".txt", folder="") if path.name not in CLASS_FILES]
        parts = readings[0].splits or lists or known_splits(tree.root)
        advice = f"it has {', '.join(parts)}" if parts else "leave the part away"
        return f"{tree.root} has no part {tree.split}, as {readings[0].says}: {advice}"
    known = "; ".join(layout.looks for layout in LAYOUTS if asked.needs in layout.holds)
    part = f" for the part {tree.split}" if tree.split else ""
    others = [
        f"with {PLURALS[needs]} it is {readings[0].says}"
        for needs in _USUAL
        if needs != asked.needs and (readings := _readings(tree, replace(asked, needs=needs)))
    ]
    hint = f" ({'; '.join(others)})" if others else ""
    return (
        f"no {PLURALS[asked.needs]} recognised in {tree.root}{part}, found {tree.inventory()}{hint}: expected "
        f"{known}; docs/data.md shows each, and folder:IMAGES,MASKS takes any two folders"
    )
