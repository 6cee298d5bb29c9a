"""Boxes in XML files as Pascal VOC has them: `voc:PATH[:SPLIT]`."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ....errors import DataError
from ...example import Source
from ...images import picture_files
from ...listing import no_pictures, passed_over_in
from ...paths import Paths, entries
from ..folder import folder_of, no_split, path_and_split
from ..layouts.base import DECLARED, Asked, Reading, Tree
from ..lists import read_list, stem_of
from .annotated import AnnotatedSource
from .annotation import NONE
from .files import Files
from .opening import open_reading
from .pairing import Pairing, find_pairs, not_annotated
from .reading import read_all
from .voc_xml import read_annotation

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", Path("ImageSets", "Main")


def open_voc(rest: str, needs: str) -> Source:
    """Open `PATH[:SPLIT]`, in alphabetical order or in the order of the split's list.

    Pictures lie in `PATH/JPEGImages`, XML files of the same stem in `PATH/Annotations`, names of a split in
    `PATH/ImageSets/Main/SPLIT.txt`; or pictures and files lie in other folders, or in one, as tools write them. Pixels
    count from 1 in VOC: a box is (xmin - 1, ymin - 1, xmax, ymax) here.
    """
    base, split = path_and_split(rest, "voc")
    if _is_devkit(base, needs):
        return _open_devkit(f"voc:{rest}", base, needs, split)
    below = sorted(folder.parent for depth in ("*", "*/*") for folder in base.glob(f"{depth}/{IMAGES}"))
    advice = f"did you mean voc:{below[0]}?" if below else "give the folder that holds both"
    expected = f"{IMAGES} and {ANNOTATIONS}, or pictures and VOC's XML files in other folders or in one,"
    return open_reading(Tree(base, split), Asked(f"voc:{rest}", needs), voc_readings, expected, advice)


def _is_devkit(base: Path, needs: str) -> bool:
    return (base / IMAGES).is_dir() and (needs != "boxes" or (base / ANNOTATIONS).is_dir())


def lists_of_voc(rest: str) -> Path:
    """Give the folder of the lists of a folder's parts."""
    base = folder_of(rest)
    return base / LISTS if _is_devkit(base, "boxes") else base


def voc_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find pictures and XML files, in VOC's folders, in other ones or in one."""
    written = f"voc:{tree.root}" + (f":{tree.split}" if tree.split else "")
    if _is_devkit(tree.root, asked.needs):
        if not tree.split or (tree.root / LISTS / f"{tree.split}.txt").is_file():
            count = len(tree.files(".xml", folder=ANNOTATIONS))
            opens = partial(_open_devkit, asked.name, tree.root, asked.needs, tree.split)
            yield Reading(f"{IMAGES}/ and {ANNOTATIONS}/, {count} XML files", count, DECLARED, opens, (), written)
        return
    if any(folder.endswith(f"/{IMAGES}") for folder in tree.folders):
        return  # the folders of several years, one of which must be named
    files = tree.files(".xml")
    if not any(_is_annotation(path) for path in files[:3]):
        return
    found = find_pairs(tree, [path for path in files if _is_annotation(path)])
    if found is not None and found.pairs:
        says = f"XML files as VOC has them, {found.pairs} with their pictures"
        opens_pairs = partial(_open_pairs, asked, tree.root, found)
        yield Reading(says, found.pairs, DECLARED, opens_pairs, found.parts, written)


def _is_annotation(path: Path) -> bool:
    """Tell by its beginning whether an XML file is about one picture; what cannot be told is found out on reading."""
    with path.open("rb") as file:
        start = file.read(2000).replace(b"\0", b"")
    return re.search(rb"<(?![?!])", start) is None or re.search(rb"<annotation\b", start) is not None


def _open_pairs(asked: Asked, root: Path, found: Pairing) -> AnnotatedSource:
    missing = not_annotated(".xml")
    return _source(asked.name, asked.needs, found, root, (root, root), missing)


def _open_devkit(name: str, base: Path, needs: str, split: str) -> AnnotatedSource:
    """Open VOC's own layout, where a list may choose from all pictures."""
    if split and not (base / LISTS / f"{split}.txt").is_file():
        raise no_split(base, split, f"{LISTS / split}.txt", known_splits(base))
    pictures = Files(picture_files(base / IMAGES))
    files = Files(_xml_files(base / ANNOTATIONS) if needs == "boxes" else [])
    faults: tuple[tuple[str, str], ...] = ()
    chosen = dict.fromkeys(pictures.stems, False)
    if split:
        listed, faults = read_list(
            base / LISTS / f"{split}.txt",
            lambda entry: next(filter(None, map(pictures.stem_of, _names(entry))), None),
        )
        chosen = {stem: stem not in _names(entry) for stem, entry in listed.items()}
    if not chosen and not faults and not files.paths:
        raise no_pictures(base / IMAGES)
    notes = passed_over_in(base / IMAGES)
    found = Pairing(pictures, files, chosen, tuple(known_splits(base)), faults, notes, not split)
    missing = not_annotated(".xml", base / ANNOTATIONS)
    return _source(name, needs, found, base, (base / IMAGES, base / ANNOTATIONS), missing)


def _source(
    name: str, needs: str, found: Pairing, root: Path, places: tuple[Path, Path], missing: Callable[[Path], DataError]
) -> AnnotatedSource:
    if needs != "boxes":
        return AnnotatedSource(
            name, found.entries(NONE, None), (), with_boxes=False, faults=found.faults, notes=found.notes
        )
    # All of them, whatever the split: only together they tell the classes.
    read = read_all(found.files.paths, read_annotation, name, "voc")
    notes = list(found.notes)
    if (read.boxes.values[:, :2] == 0).any():
        notes.append("some boxes begin at pixel 0 where VOC counts from 1: they may be one pixel off")
    if found.whole and found.splits:
        notes.append(f"these are all pictures; the splits are {', '.join(found.splits)}")
    return AnnotatedSource(
        name,
        found.entries(read, missing),
        found.class_names(read, root / "classes.txt", places[1]),
        first_pixel=1,
        listed=root / "classes.txt",
        faults=(*found.faults, *found.orphans(places[0])),
        notes=notes,
    )


def _xml_files(folder: Path) -> Paths:
    return Paths.within(folder, sorted(entry.name for entry in entries(folder, [".xml"])))


def _names(entry: str) -> list[str]:
    """Read a line of a list, a name with or without ending; VOC's lists of single classes add 1, 0 or -1."""
    texts = (entry, re.sub(r"\s+(-1|0|1)$", "", entry))
    return [name for text in texts for name in (text, stem_of(text))]


def known_splits(base: Path) -> list[str]:
    """Name the splits of a VOC folder, without the lists of single classes."""
    stems = sorted(path.stem for path in (base / LISTS).glob("*.txt"))
    return [stem for stem in stems if not any(stem.endswith(f"_{other}") for other in stems)]
