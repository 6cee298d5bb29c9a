"""Two folders of any name whose files pair off completely, where these themselves show which of them are masks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ....errors import DataError
from ...pixel_files.base import LOSSY, decoded
from ...pixel_files.coding import FileCoding
from .base import GUESSED, Asked, Reading, Tree
from .names import place_of, split_of
from .pairs import Group, affixes_of, beside, files_by_key, group_readings

_LOOKED_AT = 3
_SEEN = 128, 128
# Class maps and the noise of JPEG round two values have fewer values, pictures more.
_FEW = 64


def two_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find masks in the only two folders that hold pictures, where the folders' names do not tell."""
    places = [place_of(folder) for folder in tree.folders if tree.pictures(folder)]
    if len(places) != 2 or split_of(places[0].context) != split_of(places[1].context) or any(beside(places)):
        return
    split = split_of(places[0].context)
    for images, partners in (places, places[::-1]):
        if images.role == "partner" or (partners.role == "image" and not images.role):
            continue
        folders = images.folder, partners.folder
        group = Group((split,) * bool(split), tree.pictures(folders[0]), tree.pictures(folders[1]), folders)
        if _pair_off(group) and _are_masks(group, asked.files, called=images.role != partners.role):
            yield from group_readings(tree, asked, [group], GUESSED)


def _pair_off(group: Group) -> bool:
    """Tell whether each file of both folders has exactly one partner."""
    images, partners = files_by_key([group], affixes_of([group]))
    return images.keys() == partners.keys() and len(images) == len(group.images) == len(group.partners)


def _are_masks(group: Group, files: FileCoding, called: bool) -> bool:
    """Tell whether the partners look more like masks than the pictures do, or as much where names or formats say so."""
    (image, image_formats), (partner, partner_formats) = _look(group.images, files), _look(group.partners, files)
    lossless = image_formats <= set(LOSSY) and not partner_formats & set(LOSSY)
    return partner > image or (partner == image > 0 and (called or lossless))


def _look(paths: Sequence[Path], files: FileCoding) -> tuple[int, set[str]]:
    """Tell how much the least of some files, spread over all, looks like a mask, and the formats of these files."""
    seen, formats = [], set()
    for path in paths[:: max(1, len(paths) // _LOOKED_AT)][:_LOOKED_AT]:
        try:
            opened, _ = decoded(path, files)
        except DataError:
            continue
        seen.append(_likeness(opened))
        formats.add(opened.format or "")
    return min(seen, default=0), formats


def _likeness(opened: Image.Image) -> int:
    """Rank what a file has: two values (3), few greys (2), greys, few colours or a cut-out's alpha (1), or more (0)."""
    few = min(_FEW, opened.width * opened.height // 4)
    small = opened.resize(_SEEN, Image.Resampling.NEAREST)
    if small.mode in ("P", "PA") or small.has_transparency_data or len(small.getbands()) > 1:
        small = small.convert("RGBA")
    values = np.asarray(small).reshape(_SEEN[0] * _SEEN[1], -1)
    colours = np.unique(values, axis=0)
    grey = colours.shape[1] < 4 or bool((colours[:, :3] == colours[:, :1]).all())
    if len(colours) <= 2:
        return 3
    if grey and len(colours) <= few:
        return 2
    return int(grey or len(colours) <= few or len(np.unique(colours[:, 3])) > 1)
