"""Pictures and their masks or class maps in two folders, whatever these are called, once or for each split."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from ....text import composed
from ...paths import Paths, ending
from ...pixel_files.coding import FileCoding
from ..folder import FolderSource, pixel_source
from ..grouped import Grouped
from .base import GUESSED, NAMED, SIMILAR, Asked, Reading, Tree
from .names import OWN_WORDS, PLAIN, TRIMAP_WORDS, Affixes, Place, find_affixes, is_part, place_of, same_split, split_of

Context = tuple[str, ...]

COLOUR_FILES = ("label_colors.txt", "label_colours.txt", "class_dict.csv", "labelmap.txt", "colors.txt", "colours.txt")


@dataclass(frozen=True)
class Group:
    """Pictures and partners that belong together, the folders of both, and what their paths share."""

    context: Context
    images: Paths
    partners: Paths
    places: tuple[str, str]


def pair_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find folders of pictures beside folders of masks or class maps."""
    places = [place_of(folder) for folder in tree.folders if tree.pictures(folder)]
    own = OWN_WORDS[asked.needs]
    variants: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for images, partners in beside(places):
        folders = images.folder, partners.folder
        group = Group(partners.context, tree.pictures(folders[0]), tree.pictures(folders[1]), folders)
        variants[images.word, partners.word].append(group)
    for (image_word, word), groups in variants.items():
        yield from group_readings(tree, asked, groups, _sure(image_word, word, own), trimap=word in TRIMAP_WORDS)


def _sure(image_word: str, partner_word: str, own: tuple[str, ...]) -> int:
    if not image_word or partner_word in TRIMAP_WORDS:
        return GUESSED
    return NAMED if partner_word in own else SIMILAR


def beside(places: Sequence[Place]) -> Iterator[tuple[Place, Place]]:
    """Give each folder of partners with each of pictures that the same path leads to."""
    by_context: dict[Context, list[Place]] = defaultdict(list)
    for place in places:
        by_context[place.context].append(place)
    lonely: list[Place] = []
    for place in places:
        if place.role == "partner":
            beside = [other for other in by_context[place.context] if other.role != "partner"]
            lonely += [place] * (not beside)
            yield from ((other, place) for other in beside if other.role or not any(one.role for one in beside))
    taken = {place.context for place in places if place.role == "partner"}
    free = [place for place in places if place.role == "image" and place.context not in taken]
    if len(free) == 1:
        yield from ((free[0], place) for place in lonely)


def group_readings(tree: Tree, asked: Asked, groups: Sequence[Group], sure: int, **more: Any) -> Iterator[Reading]:
    """Give the reading of groups that are one data set, or of that split of them which is named; see `pixel_source`."""
    chosen, splits, listed = chosen_groups(tree, groups)
    affixes = affixes_of(chosen)
    images, partners = files_by_key(chosen, affixes)
    count = len(images.keys() & partners.keys())
    if not count:
        return
    says = f"{_places(chosen)}{_names(chosen, affixes)}, {count} pair{'' if count == 1 else 's'}"
    written = ""
    if len(chosen) == 1 and len(set(chosen[0].places)) == 2:
        written = "folder:" + ",".join(str(tree.root / place) for place in chosen[0].places)
    coded, note = _coded(tree, asked, partners)
    base, folder = tree.root, tree.root / chosen[0].places[1]
    wanted = f"{folder}/{affixes[1].head}*{affixes[1].tail}.png"
    opens = partial(
        pixel_source,
        asked.name,
        base,
        images,
        partners,
        asked.needs,
        coded,
        listed=listed,
        wanted=wanted,
        **more,
    )
    lists = [path.stem for path in tree.files(".txt", folder="") if split_of([path.stem])]
    note += f"; all of them, the lists are {', '.join(lists)}" if lists and not tree.split and not splits else ""
    places = () if tree.split else tuple(place for group in chosen for place in group.places)
    yield Reading(says + note, count, sure, opens, splits, written, places)


def chosen_groups(tree: Tree, groups: Sequence[Group]) -> tuple[list[Group], tuple[str, ...], Path | None]:
    """Choose the groups of the split that is named, or say which there are to choose from; a list may choose names."""
    splits = tuple(dict.fromkeys(filter(None, (split_of(group.context) for group in groups))))
    whole = [group for group in groups if not split_of(group.context)]
    if not tree.split:
        if whole or len(splits) < 2:
            return whole or list(groups), (), None
        return list(groups), splits, None
    named = [
        group
        for group in groups
        if same_split(split_of(group.context), tree.split)
        or tree.split.lower() in (part.lower() for place in group.places for part in place.split("/"))
    ]
    lists = [path for path in tree.files(".txt") if path.stem == tree.split]
    return (named, (), None) if named or not lists else (whole, (), lists[0])


def affixes_of(groups: Sequence[Group]) -> tuple[Affixes, Affixes]:
    """Find what the names of all pictures and of all partners have beside what pairs share."""
    images = {composed(stem) for group in groups for stem in group.images.stems()}
    return find_affixes(images, {composed(stem) for group in groups for stem in group.partners.stems()})


def files_by_key(groups: Sequence[Group], affixes: tuple[Affixes, Affixes] = PLAIN) -> tuple[Grouped, Grouped]:
    """Give the pictures and the partners by what their names share, with the path in front where there are several."""
    images, partners = [group.images for group in groups], [group.partners for group in groups]
    before = ["/".join((*group.context, "")) if len(groups) > 1 else "" for group in groups]
    found = []
    for parts, affix in ((images, affixes[0]), (partners, affixes[1])):
        keys = (start + affix.key(composed(stem)) for start, part in zip(before, parts) for stem in part.stems())
        found.append(Grouped(Paths.joined(parts), keys))
    return found[0], found[1]


def _places(groups: Sequence[Group]) -> str:
    images, partners = groups[0].places
    if images == partners:
        said = f"pictures and masks side by side{f' in {images}/' if images else ''}"
    else:
        said = " and ".join(f"{place}/" if place else "the pictures beside it" for place in (images, partners))
    return said if len(groups) == 1 else f"{said} and {len(groups) - 1} more such"


def _names(groups: Sequence[Group], affixes: tuple[Affixes, Affixes]) -> str:
    if affixes != PLAIN:
        return f", {affixes[0]} with {affixes[1]}"
    if len(set(groups[0].places)) == 2:
        return " of equal names"
    endings = (ending(paths.names[0]) for paths in (groups[0].images, groups[0].partners))
    return ", {} with {} of equal names".format(*endings)


def _coded(tree: Tree, asked: Asked, partners: Grouped) -> tuple[FileCoding, str]:
    """Add the file that maps colours to classes, where one lies there and the labels are in colour."""
    found = [path for path in tree.files(*COLOUR_FILES) if path.name.lower() in COLOUR_FILES]
    if asked.needs != "labels" or asked.files.colours or not found:
        return asked.files, ""
    try:
        with Image.open(partners.paths[0]) as opened:
            in_colour = opened.mode in ("RGB", "RGBA", "P")
    except (OSError, ValueError, SyntaxError):
        in_colour = False
    if not in_colour:
        return asked.files, ""
    return replace(asked.files, colours=str(found[0])), f", colours by {found[0].name}"


def picture_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find the pictures alone: folders that are not called after masks or class maps, of a part those that are its."""
    folders = [
        folder
        for folder in tree.folders
        if tree.pictures(folder) and place_of(folder).role != "partner" and is_part(folder, tree.split)
    ]
    paths = Paths.joined([tree.pictures(folder) for folder in folders])
    if paths:
        heads = [f"{folder}/" if folder and len(folders) > 1 else "" for folder in folders]
        parts = zip(heads, (tree.pictures(folder) for folder in folders))
        images = Grouped(paths, (head + stem for head, part in parts for stem in part.stems()))
        says = f"{len(paths)} pictures"
        yield Reading(says, len(images), GUESSED, lambda: FolderSource(asked.name, images, None, "none"))
