"""Pictures and their masks or class maps: in two folders, once or for each split, or side by side in one."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ....text import composed
from ..folder import FolderSource, pixel_source
from .base import GUESSED, NAMED, SIMILAR, Asked, Reading, Tree
from .names import OWN_WORDS, TRIMAP_WORDS, Affixes, Place, find_affixes, place_of, same_split, split_of

Context = tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Pictures and partners that belong together, and where they lie."""

    context: Context
    images: Sequence[Path]
    partners: Sequence[Path]
    places: tuple[str, str] = ("", "")


def pair_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find folders of pictures beside folders of masks or class maps, whatever they are called."""
    places = [place_of(folder) for folder in tree.folders if tree.pictures(folder)]
    own = OWN_WORDS[asked.needs]
    variants: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for images, partners in _beside(places):
        group = Group(partners.context, tree.pictures(images.folder), tree.pictures(partners.folder),
                      (images.folder, partners.folder))  # fmt: skip
        variants[images.word, partners.word].append(group)
    found = [
        (partner_word, reading)
        for (image_word, partner_word), groups in variants.items()
        for reading in group_readings(tree, asked, groups, _sure(image_word, partner_word, own))
    ]
    # Where a folder is called after what is needed, others beside it are something else.
    named = [reading for word, reading in found if word in own]
    yield from named or [reading for _, reading in found]


def _sure(image_word: str, partner_word: str, own: tuple[str, ...]) -> int:
    if not image_word or partner_word in TRIMAP_WORDS:
        return GUESSED
    return NAMED if partner_word in own else SIMILAR


def _beside(places: Sequence[Place]) -> Iterator[tuple[Place, Place]]:
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


def group_readings(tree: Tree, asked: Asked, groups: Sequence[Group], sure: int, looks: str = "") -> Iterator[Reading]:
    """Give the reading of groups that are one data set, or of that of its splits which is named."""
    chosen, splits, listed = _of_split(tree, groups)
    affixes = _shared_affixes(chosen)
    if not affixes[2]:
        return
    count = affixes[2]
    places = looks or _said(chosen)
    named = "" if affixes[:2] == (Affixes(), Affixes()) and not looks else f", {affixes[0]} with {affixes[1]}"
    says = f"{places}{named or ' of equal names'}, {count} pair{'' if count == 1 else 's'}"
    written = ""
    if len(chosen) == 1 and chosen[0].places[0] != chosen[0].places[1]:
        written = "folder:" + ",".join(str(tree.root / place) for place in chosen[0].places)
    opens = partial(_open, tree, asked, chosen, affixes[:2], listed)
    yield Reading(says, count, sure, opens, splits, written)


def _of_split(tree: Tree, groups: Sequence[Group]) -> tuple[list[Group], tuple[str, ...], Path | None]:
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
    if named:
        return named, (), None
    lists = [path for path in tree.files(".txt") if path.stem == tree.split]
    return (whole, (), lists[0]) if lists else ([], (), None)


def _shared_affixes(groups: Sequence[Group]) -> tuple[Affixes, Affixes, int]:
    of_image, of_partner, _ = find_affixes(
        {composed(path.stem) for group in groups for path in group.images},
        {composed(path.stem) for group in groups for path in group.partners},
    )
    count = sum(
        len(
            {of_image.key(composed(path.stem)) for path in group.images}
            & {of_partner.key(composed(path.stem)) for path in group.partners}
        )
        for group in groups
    )
    return of_image, of_partner, count


def _said(groups: Sequence[Group]) -> str:
    first = groups[0]
    places = " and ".join(f"{place}/" if place else "the folder itself" for place in first.places)
    return places if len(groups) == 1 else f"{places} and {len(groups) - 1} more such"


def _open(
    tree: Tree, asked: Asked, groups: Sequence[Group], affixes: tuple[Affixes, Affixes], listed: Path | None
) -> FolderSource:
    images: dict[str, list[Path]] = defaultdict(list)
    partners: dict[str, list[Path]] = defaultdict(list)
    for group in groups:
        before = "/".join((*group.context, "")) if len(groups) > 1 else ""
        for found, paths, affix in ((images, group.images, affixes[0]), (partners, group.partners, affixes[1])):
            for path in paths:
                found[before + affix.key(composed(path.stem))].append(path)
    return pixel_source(asked.name, tree.root, images, partners, asked.needs, asked.files, listed=listed)


def picture_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find the pictures alone: folders that are not called after masks or class maps."""
    folders = [folder for folder in tree.folders if tree.pictures(folder) and place_of(folder).role != "partner"]
    images: dict[str, list[Path]] = defaultdict(list)
    for path in (path for folder in folders for path in tree.pictures(folder)):
        images[path.relative_to(tree.root).with_suffix("").as_posix() if len(folders) > 1 else path.stem].append(path)
    if images:
        says = f"{sum(map(len, images.values()))} pictures"
        yield Reading(says, len(images), GUESSED, lambda: FolderSource(asked.name, images, None, "none"))
