"""Pictures and their masks or class maps in one folder: x.jpg with x_mask.png or x.png, or with the mask in alpha."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ...pixel_files.masks import AlphaReader, read_opaque
from ..folder import SALIENCY, FolderSource
from .base import GUESSED, POSSIBLE, SIMILAR, Asked, Reading, Tree
from .names import place_of, tail_of
from .pairs import Group, chosen_groups, files_by_key, group_readings

_LOSSY = (".jpg", ".jpeg", ".jfif")
_LOSSLESS = (".png", ".bmp", ".gif", ".tif", ".tiff")
_LOOKED_AT = 3


def tail_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find x.jpg with x_mask.png, x_L.png, x_seg.png and such, in one folder or in one for each split."""
    groups, letters = tail_groups(tree)
    if groups:
        yield from group_readings(tree, asked, groups, GUESSED if letters else SIMILAR)


def tail_groups(tree: Tree) -> tuple[list[Group], bool]:
    """Give pictures and partners of the same folder by the last words of their names, and whether all are letters."""
    groups, letters = [], True
    for folder in tree.folders:
        paths = tree.pictures(folder)
        tails = {index: tail for index, stem in enumerate(paths.stems()) if (tail := tail_of(stem))[1]}
        if not any(role == "partner" for _, role, _ in tails.values()):
            continue
        keys = {
            tails[index][0] if index in tails else stem
            for index, stem in enumerate(paths.stems())
            if index not in tails or tails[index][1] != "partner"
        }
        partners = [index for index, (key, role, _) in tails.items() if role == "partner" and key in keys]
        letters &= all(len(tails[index][2]) == 1 for index in partners)
        if partners:
            images = np.delete(np.arange(len(paths)), partners)
            parts = paths.take(images), paths.take(np.array(partners))
            groups.append(Group(place_of(folder).context, *parts, (folder, folder)))
    return groups, letters


def equal_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find x.jpg, the picture, with x.png, its mask, in one folder or in one for each split."""
    groups = []
    for folder in tree.folders:
        images, others = tree.files(*_LOSSY, folder=folder), tree.files(*_LOSSLESS, folder=folder)
        stems = set(images.stems()) if others else set()
        partners = [index for index, stem in enumerate(others.stems()) if stem in stems]
        if partners:
            found = others.take(np.array(partners))
            groups.append(Group(place_of(folder).context, images, found, (folder, folder)))
    if groups:
        yield from group_readings(tree, asked, groups, GUESSED)


def alpha_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find pictures with the mask in their alpha."""
    groups = []
    for folder in tree.folders:
        paths, place = tree.pictures(folder), place_of(folder)
        if paths and place.role != "partner" and _have_alpha(paths):
            groups.append(Group(place.context, paths, paths, (folder, folder)))
    chosen, splits, listed = chosen_groups(tree, groups)
    count = sum(len(group.images) for group in chosen)

    def opened() -> FolderSource:
        found = files_by_key(chosen)[0]
        return FolderSource(
            asked.name, found, found, "mask", AlphaReader(asked.files), listed=listed, class_names=SALIENCY,
            picture=read_opaque,
        )  # fmt: skip

    if count:
        yield Reading(f"{count} pictures with the mask in their alpha", count, POSSIBLE, opened, splits)


def _have_alpha(paths: Sequence[Path]) -> bool:
    """Tell whether some of the files, spread over all, have an alpha that is not the same everywhere."""
    for path in paths[:: max(1, len(paths) // _LOOKED_AT)][:_LOOKED_AT]:
        try:
            with Image.open(path) as opened:
                if not opened.has_transparency_data:
                    return False
                low, high = opened.convert("RGBA").getchannel("A").getextrema()
        except (OSError, ValueError, SyntaxError):
            return False
        if low == high:
            return False
    return True
