"""The kinds of sources. `open_source("folder:photos:train")` parses, looks the kind up in `SOURCES` and opens it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import UsageError
from ..example import NEEDS, Source
from .coco import open_coco
from .folder import open_folder
from .joined import join_sources
from .scenes import open_scenes
from .tfds import open_tfds, usual_of_tfds
from .voc import open_voc


@dataclass(frozen=True)
class SourceKind:
    """A kind of source: how it is written and opened, the targets it can hold, and which is asked for by default."""

    form: str
    open: Callable[[str, str], Source]
    holds: tuple[str, ...] = ("mask", "labels", "boxes")
    usual: Callable[[str], str] | None = None


SOURCES: dict[str, SourceKind] = {
    "scenes": SourceKind("scenes[:train|val|test]", open_scenes),
    "folder": SourceKind("folder:PATH[:SPLIT]", open_folder, ("mask", "labels")),
    "voc": SourceKind("voc:PATH[:SPLIT]", open_voc, ("boxes",)),
    "coco": SourceKind("coco:IMAGES,JSON", open_coco, ("boxes",)),
    "tfds": SourceKind("tfds:NAME[:SPLIT]", open_tfds, usual=usual_of_tfds),
}
"""A new kind is its file and one line here. Nothing heavy is imported before a source is opened."""

FORMS = ", ".join(kind.form for kind in SOURCES.values())
"""How sources are written, for help texts and errors."""


def split_texts(text: str) -> list[str]:
    """Take `A + B`, as `open_source` takes it, apart; a plus sign that no kind of source follows is part of a path."""
    kinds = "|".join(map(re.escape, SOURCES))
    return re.split(rf"\s+\+\s+(?=(?:{kinds})(?::|\s|$))", text.strip())


def all_scenes(text: str) -> bool:
    """Tell whether a source is of nothing but embedded scenes, which are drawn and have no files."""
    return all(one.partition(":")[0] == "scenes" for one in split_texts(text))


def usual_needs(text: str) -> str:
    """Tell what a source is usually asked for: `boxes` for detection data, otherwise `mask`."""
    name, _, rest = split_texts(text)[0].partition(":")
    if name not in SOURCES:
        return "mask"
    kind = SOURCES[name]
    return kind.usual(rest) if kind.usual else kind.holds[0]


def open_source(text: str, *, needs: str = "mask") -> Source:
    """Open the source that a text names: one of `FORMS`, or several with " + " between them, which become one.

    Every example must have what is needed, `none` being pictures only. Examples are loaded when asked for.

    Raises:
        UsageError: no such kind of source, split or need, or a kind that does not hold what is needed.
        DataError: the data are not there.
    """
    if needs not in NEEDS:
        raise UsageError(f"a source can be asked for {', '.join(NEEDS)}; got needs={needs!r}")
    texts = split_texts(text)
    if len(texts) > 1:
        return join_sources([open_source(one, needs=needs) for one in texts], needs)
    name, _, rest = text.strip().partition(":")
    if name not in SOURCES:
        raise UsageError(f"expected a data source such as {FORMS}, or several as 'A + B'; got {text!r}")
    kind = SOURCES[name]
    if needs not in (*kind.holds, "none"):
        holds = " or ".join(_PLURALS[held] for held in kind.holds)
        others = [other.form for other in SOURCES.values() if needs in other.holds and len(other.holds) < len(_PLURALS)]
        raise UsageError(f"{name} sources hold {holds}, not {_PLURALS[needs]}: use {' or '.join(others)} for these")
    return kind.open(rest, needs)


_PLURALS = {"mask": "masks", "labels": "labels", "boxes": "boxes"}
