"""What is known of seven saliency data sets: what to download from where, how it is laid out, whom to cite."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where files lie: an archive without its ending (or such a folder), and the end of a path, empty for any."""

    archive: str
    folder: str = ""


@dataclass(frozen=True)
class Part:
    """Images and masks paired by stem, in the first places that hold images; without a split, lists divide them."""

    places: Sequence[tuple[Place, Place]]
    split: str = ""


@dataclass(frozen=True)
class Layout:
    """One data set of so many `pairs`: BibTeX, names of lists by split, and the stems left out, `without_mask`."""

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
