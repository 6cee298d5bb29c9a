"""The kinds of sources. `open_source("folder:photos:train")` parses, looks the kind up in `SOURCES` and opens it.

Nothing heavy is imported before a source of that kind is asked for.
"""

import re
from collections.abc import Callable

from ...errors import UsageError
from ..example import NEEDS, Source


def _open_scenes(rest: str, needs: str) -> Source:
    from .scenes import open_scenes

    return open_scenes(rest, needs)


def _open_folder(rest: str, needs: str) -> Source:
    from .folder import open_folder

    return open_folder(rest, needs)


def _open_voc(rest: str, needs: str) -> Source:
    from .voc import open_voc

    return open_voc(rest, needs)


def _open_coco(rest: str, needs: str) -> Source:
    from .coco import open_coco

    return open_coco(rest, needs)


def _open_tfds(rest: str, needs: str) -> Source:
    from .tfds import open_tfds

    return open_tfds(rest, needs)


SOURCES: dict[str, Callable[[str, str], Source]] = {
    "scenes": _open_scenes,
    "folder": _open_folder,
    "voc": _open_voc,
    "coco": _open_coco,
    "tfds": _open_tfds,
}
"""Kind of source -> function of (what follows the colon, needs). A new kind is one line here."""

FORMS = "scenes[:train|val|test], folder:PATH[:SPLIT], voc:PATH[:SPLIT], coco:IMAGES,JSON, tfds:NAME[:SPLIT]"
"""How sources are written, for help texts and errors."""

BOX_SOURCES = ("voc", "coco", "tfds:voc", "tfds:coco")
"""The sources that are about boxes: kinds, and data sets of TFDS."""


def split_texts(text: str) -> list[str]:
    """Take `A + B` apart; a plus sign that no kind of source follows is part of a path.

    Args:
        text: As `open_source` takes it.

    Returns:
        The texts of the single sources, one or more.
    """
    kinds = "|".join(map(re.escape, SOURCES))
    return re.split(rf"\s+\+\s+(?=(?:{kinds})(?::|\s|$))", text.strip())


def all_scenes(text: str) -> bool:
    """Tell whether a source is of nothing but embedded scenes, which are drawn and have no files.

    Args:
        text: As `open_source` takes it.
    """
    return all(one.partition(":")[0] == "scenes" for one in split_texts(text))


def usual_needs(text: str) -> str:
    """Tell what a source is usually asked for: `boxes` for detection data, otherwise `mask`.

    Args:
        text: As `open_source` takes it.
    """
    kind, _, rest = split_texts(text)[0].partition(":")
    return "boxes" if {kind, f"{kind}:{re.split('[:/]', rest)[0]}"} & set(BOX_SOURCES) else "mask"


def open_source(text: str, *, needs: str = "mask") -> Source:
    """Open the source that a text names.

    Args:
        text: One of `FORMS`, or several with " + " between them, which become one source.
        needs: What every example must have: `mask`, `labels`, `boxes`, or `none` for pictures only.

    Returns:
        The source. Its examples are loaded when asked for.

    Raises:
        UsageError: If there is no such kind of source, split or need.
        DataError: If the data are not there.
    """
    if needs not in NEEDS:
        raise UsageError(f"a source can be asked for {', '.join(NEEDS)}; got needs={needs!r}")
    texts = split_texts(text)
    if len(texts) > 1:
        from .joined import join_sources

        return join_sources([open_source(one, needs=needs) for one in texts], needs)
    kind, _, rest = text.strip().partition(":")
    if kind not in SOURCES:
        raise UsageError(f"expected a data source such as {FORMS}, or several as 'A + B'; got {text!r}")
    return SOURCES[kind](rest, needs)
