"""What is known of seven saliency data sets: what to download from where, how it is laid out, whom to cite."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where files of one kind lie: an archive without its ending (or a folder of that name), and the end of a path.

    Any path within the archive will do where `folder` is empty.
    """

    archive: str
    folder: str = ""


@dataclass(frozen=True)
class Part:
    """Images and masks that are published together, paired by stem; without a split, lists divide them.

    The first of the (images, masks) places whose archives are there and hold images is read. Where both are the same,
    the .jpg files are images and the .png files masks.
    """

    places: Sequence[tuple[Place, Place]]
    split: str = ""


@dataclass(frozen=True)
class Layout:
    """One data set; `pairs` is how many are published, `citation` is BibTeX.

    Attributes:
        lists: split -> file names of its list, without ending (.txt with one name in each line, or .mat).
        without_mask: stems of images that were published without a mask, and are left out.
    """

    title: str
    pairs: int
    description: str
    instructions: str
    homepage: str
    citation: str
    parts: Sequence[Part]
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    without_mask: Sequence[str] = ()


def _place(text: str) -> Place:
    archive, _, folder = text.partition("/")
    return Place(archive, folder)


def _layout(parts: list[dict[str, Any]], **fields: Any) -> Layout:
    pairs = [[(_place(images), _place(masks)) for images, masks in part["places"]] for part in parts]
    return Layout(parts=[Part(places, part.get("split", "")) for part, places in zip(parts, pairs)], **fields)


LAYOUTS: dict[str, Layout] = {
    name: _layout(**fields)
    for name, fields in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}
