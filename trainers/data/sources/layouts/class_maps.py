"""Class maps as public data sets and tools lay them out: Pascal VOC, CVAT, Cityscapes, Roboflow."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ....errors import DataError
from ....text import composed, read_text
from ...classes import MOST_CLASSES, read_class_names
from ...pixel_files.colours import IGNORED_NAMES, ColourMap, read_colours
from ...pixel_files.known_classes import CITYSCAPES, CITYSCAPES_NAMES, cityscapes_classes, voc_classes
from ...pixel_files.labels import LabelReader
from ..folder import FolderSource
from ..grouped import by_stem
from .base import DECLARED, NAMED, Asked, Reading, Tree
from .names import same_split
from .pairs import group_readings
from .side_by_side import tail_groups

_VOC = ("segmentationclass", "segmentationclasspng", "segmentationclassraw", "segmentationclassaug")
_LISTS = "imagesets/segmentation"


@dataclass(frozen=True)
class Meaning:
    """What the pixels of label files mean: names of classes, their colours, and values that are not their numbers."""

    class_names: tuple[str, ...] = ()
    colours: ColourMap | None = None
    values: Mapping[int, int] | None = None
    says: str = ""


def voc_map_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find JPEGImages/ and SegmentationClass/, as Pascal VOC, CVAT and labelme2voc write them."""
    for folder in tree.called(*_VOC):
        base, _, name = folder.rpartition("/")
        inside = {path: path[len(base) :].strip("/").lower() for path in tree.folders if path.startswith(base)}
        images = [path for path, within in inside.items() if within == "jpegimages"]
        labels = by_stem(tree.pictures(folder))
        if not images or not labels:
            continue
        lists = [path for at, within in inside.items() if within == _LISTS for path in tree.files(".txt", folder=at)]
        listed = [path for path in lists if same_split(path.stem, tree.split)]
        if tree.split and not listed:
            continue
        pictures = by_stem(tree.pictures(images[0]))
        # Most pictures of VOC have no class map, and a list names those that have.
        paired = {stem: paths for stem, paths in pictures.items() if listed or stem in labels}
        tool, meaning = _voc_meaning(tree.root / base, asked)
        splits = f"; splits {', '.join(path.stem for path in lists)}" if lists and not tree.split else ""
        says = (
            f"{images[0]}/ and {folder}/ of {tool}{meaning.says}, {len(paired.keys() & labels.keys())} of "
            f"{len(pictures)} pictures with class maps{splits}"
        )
        sure = DECLARED if name.lower() == _VOC[0] else NAMED
        wanted = f"{tree.root / folder}/*.png"
        opens = partial(_open, asked, paired, labels, meaning, listed[0] if listed else None, wanted)
        yield Reading(says, len(paired), sure, opens)


def _voc_meaning(base: Path, asked: Asked) -> tuple[str, Meaning]:
    """Tell the tool that wrote a folder, and what its class maps mean, which only Pascal VOC does not say itself."""
    labelmap = base / "labelmap.txt"
    if asked.files.colours or labelmap.is_file():
        colours = read_colours(asked.files.colours or labelmap)
        tool = "CVAT" if labelmap.is_file() else "VOC"
        return tool, Meaning(colours.names, colours, says=f", colours by {Path(colours.file).name}")
    for listed in (base / "class_names.txt", base / "classes.txt"):
        if listed.is_file():
            names = [name for name in read_class_names(listed) if name not in IGNORED_NAMES]
            return ("labelme2voc" if listed.stem == "class_names" else "VOC"), Meaning(tuple(names[:MOST_CLASSES]))
    if re.search(r"VOC.?20(0[789]|1[0-2])", base.name, re.IGNORECASE):
        return base.name, Meaning(voc_classes().names, voc_classes())
    return "VOC", Meaning()


def _open(
    asked: Asked,
    images: Mapping[str, Sequence[Path]],
    labels: Mapping[str, Sequence[Path]],
    meaning: Meaning,
    listed: Path | None = None,
    wanted: str = "*",
) -> FolderSource:
    reader = LabelReader(asked.files, meaning.colours, meaning.values)
    found = {key: paths for key, paths in labels.items() if listed is None or key in images}
    source = FolderSource(
        asked.name, images, found, "labels", reader, listed=listed, class_names=meaning.class_names, wanted=wanted
    )
    source.ignores = True
    return source


def cityscapes_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find leftImg8bit/ beside gtFine/ or gtCoarse/, with labelTrainIds, labelIds or colours."""
    images = _of_city(tree, "leftimg8bit", "_leftimg8bit.png")
    for kind in ("gtFine", "gtCoarse"):
        for ending in ("labelTrainIds", "labelIds", "color"):
            labels = _of_city(tree, kind.lower(), f"_{kind}_{ending}.png".lower())
            splits = tuple(dict.fromkeys(split for split, _ in labels.values()))
            chosen = {
                key: [path] for key, (split, path) in images.items() if not tree.split or same_split(split, tree.split)
            }
            partners = {key: [path] for key, (_, path) in labels.items() if key in chosen}
            if partners:
                says = f"leftImg8bit/ and {kind}/*_{ending}.png of Cityscapes, {len(partners)} pairs"
                opens = partial(
                    _open, asked, chosen, partners, _CITY[ending], None, f"{tree.root}/{kind}/*_{ending}.png"
                )
                yield Reading(
                    says, len(partners), DECLARED, opens, splits if not tree.split and len(splits) > 1 else ()
                )
                return


_CITY = {
    "labelTrainIds": Meaning(CITYSCAPES_NAMES),
    "labelIds": Meaning(CITYSCAPES_NAMES, values={value: number for number, value in enumerate(CITYSCAPES)}),
    "color": Meaning(CITYSCAPES_NAMES, cityscapes_classes()),
}


def _of_city(tree: Tree, kind: str, ending: str) -> dict[str, tuple[str, Path]]:
    """Find files by what pairs share of their names, each with its split."""
    found = {}
    for folder in tree.folders:
        parts = folder.split("/")
        above = [at for at, part in enumerate(parts) if part.lower() == kind]
        for path in tree.files(ending, folder=folder) if above else ():
            split = parts[above[0] + 1] if len(parts) > above[0] + 1 else ""
            found[composed(path.name)[: -len(ending)]] = (split, path)
    return found


def roboflow_map_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find _classes.csv with x.jpg and x_mask.png, as Roboflow writes semantic masks, once for each split."""
    files = [path for path in tree.files("_classes.csv") if path.name == "_classes.csv"]
    if not files or not (values := _roboflow_values(files[0])):
        return
    names = tuple(values.values())
    numbers = None if list(values) == list(range(len(values))) else {value: at for at, value in enumerate(values)}
    reader = LabelReader(asked.files, values=numbers)
    groups, _ = tail_groups(tree)
    yield from group_readings(tree, asked, groups, DECLARED, read=reader, class_names=names)


def _roboflow_values(path: Path) -> dict[int, str]:
    """Read which value means which class; empty where the file is of another kind, for classes of whole pictures."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(read_text(path).splitlines()) if row]
    if not rows or [cell.lower() for cell in rows[0]] != ["pixel value", "class"]:
        return {}
    try:
        values = {int(row[0]): row[1] for row in rows[1:]}
    except (ValueError, IndexError) as error:
        raise DataError(f"{path} has a line that is no pixel value and class: export the data again") from error
    if not values or min(values) < 0 or max(values) > 254 or len(set(values.values())) < len(values):
        raise DataError(f"{path} must give each class a name and a value of its own, 0 to 254: correct it")
    return dict(sorted(values.items()))
