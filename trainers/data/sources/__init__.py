"""The kinds of sources. `open_source("folder:photos:train")` parses, looks the kind up in `SOURCES` and opens it."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError
from ..example import NEEDS, PLURALS, Source
from ..listing import surroundings
from ..pixel_files.coding import FileCoding
from .boxes.coco import lists_of_coco, open_coco
from .boxes.cvat import open_cvat
from .boxes.labelme import open_labelme
from .boxes.tfds_folder import open_tfds, usual_of_tfds
from .boxes.voc import lists_of_voc, open_voc
from .boxes.yolo import open_yolo
from .clips import open_clips, open_views
from .folder import folder_of, open_folder
from .joined import join_sources
from .layouts.auto import open_auto, usual_of_auto
from .listed import Listed, without_list
from .packed import is_packed, open_packed, usual_of_packed
from .scenes import open_scenes


@dataclass(frozen=True)
class SourceKind:
    """A kind of source: how it is written and opened, the targets it can hold, and which is asked for by default.

    Where the meaning of its files can be said (`coded`), `open` is told that, a `FileCoding`, after what is needed.
    `lists` tells where lists of its parts belong. What is made `of_others` is opened with the source that is named
    behind the colon, and the whole text.
    """

    form: str
    open: Callable[..., Source]
    holds: tuple[str, ...] = ("mask", "labels", "boxes")
    usual: Callable[[str], str] | None = None
    coded: bool = False
    lists: Callable[[str], Path] | None = None
    of_others: bool = False


SOURCES: dict[str, SourceKind] = {
    "scenes": SourceKind("scenes[:train|val|test]", open_scenes),
    "folder": SourceKind("folder:PATH[:SPLIT]", open_folder, ("mask", "labels"), coded=True, lists=folder_of),
    "voc": SourceKind("voc:PATH[:SPLIT]", open_voc, ("boxes",), lists=lists_of_voc),
    "yolo": SourceKind("yolo:PATH[:SPLIT]", open_yolo, ("boxes",), lists=folder_of),
    "coco": SourceKind("coco:IMAGES,JSON", open_coco, ("boxes", "labels"), lists=lists_of_coco),
    "labelme": SourceKind("labelme:PATH[:SPLIT]", open_labelme, ("boxes",), lists=folder_of),
    "cvat": SourceKind("cvat:PATH[:SPLIT]", open_cvat, ("boxes",), lists=folder_of),
    "tfds": SourceKind("tfds:NAME[:SPLIT]", open_tfds, usual=usual_of_tfds),
    "clips": SourceKind("clips:SOURCE", open_clips, ("mask", "labels"), of_others=True),
    "views": SourceKind("views:SOURCE", open_views, ("mask", "labels"), of_others=True),
    "packed": SourceKind("packed:DIR", open_packed, usual=usual_of_packed),
    "auto": SourceKind("auto:PATH[:SPLIT]", open_auto, usual=usual_of_auto, coded=True, lists=folder_of),
}
"""A new kind is its file and one line here. Nothing heavy is imported before a source is opened."""

VIDEO = "video:"
"""Before the path of a video file, or of a folder of frames: no source, as it has no truth. `evaluate` takes it."""

FORMS = ", ".join(kind.form for kind in SOURCES.values())
"""How sources are written, for help texts and errors."""


def split_texts(text: str) -> list[str]:
    """Take `A + B`, as `open_source` takes it, apart; a plus sign that no source follows is part of a path."""
    first, *others = re.split(r"(\s+\+\s+)", text.strip())
    parts = [first]
    for plus, other in zip(others[::2], others[1::2]):
        one_path = kind_and_rest(parts[-1])[1] + plus + other
        if kind_and_rest(other)[0] and not Path(one_path).expanduser().exists():
            parts.append(other)
        else:
            parts[-1] += plus + other
    return parts


def kind_and_rest(text: str) -> tuple[str, str]:
    """Tell the kind of one source, "" where it is none, from the rest; a path that exists is of the kind `auto`."""
    name, colon, rest = text.strip().partition(":")
    path = Path(text.strip()).expanduser()
    if name in SOURCES and (colon or not path.exists() or name == "scenes"):
        return name, rest
    if text.strip() and is_packed(path):
        return "packed", text.strip()
    # A split may follow a path, which may hold colons itself.
    if text.strip() and (path.exists() or (colon and Path(str(path).rpartition(":")[0]).is_dir())):
        return "auto", text.strip()
    return "", text


def places_of(text: str) -> list[Path]:
    """Give the folders that a source names, and that of a file that it names alone, such as a data.yaml."""
    places = []
    for one in split_texts(text):
        name, rest = kind_and_rest(without_list(one)[0])
        if name in SOURCES and SOURCES[name].lists is not None:
            alone = [Path(whole).expanduser() for whole in (rest, rest.rpartition(":")[0]) if whole]
            places += [path.parent if path.is_file() else path for path in alone if path.exists()]
            places += [path for part in rest.split(",") if part and (path := Path(part).expanduser()).is_dir()]
    return list(dict.fromkeys(places))


def videos_of(text: str) -> list[str]:
    """Give the paths behind `video:`, of one or several with " + " between them; none where a text names data."""
    if not text.strip().startswith(VIDEO):
        return []
    return [one.strip().removeprefix(VIDEO) for one in re.split(rf"\s+\+\s+(?={VIDEO})", text.strip())]


def names_clips(text: str) -> bool:
    """Tell whether there are clips made of pictures in a source."""
    return any((kind := SOURCES.get(kind_and_rest(one)[0])) and kind.of_others for one in split_texts(text))


def all_scenes(text: str) -> bool:
    """Tell whether a source is of nothing but embedded scenes, which are drawn and have no files."""
    return all(kind_and_rest(_without_others(one))[0] == "scenes" for one in split_texts(text))


def _without_others(text: str) -> str:
    """Take the source out of those that are made of it."""
    while (kind := SOURCES.get(kind_and_rest(text)[0])) and kind.of_others:
        text = kind_and_rest(text)[1]
    return text


def usual_needs(text: str) -> str:
    """Tell what a source is usually asked for: `boxes` for detection data, otherwise `mask`."""
    name, rest = kind_and_rest(without_list(split_texts(text)[0])[0])
    if not name:
        return "mask"
    kind = SOURCES[name]
    return kind.usual(rest) if kind.usual else kind.holds[0]


def check_named(text: str) -> None:
    """Refuse what names no kind of source and is no path either, with UsageError, before anything is opened."""
    for one in split_texts(text):
        if kind_and_rest(without_list(one)[0])[0] or kind_and_rest(one)[0]:
            continue
        path = one.strip()
        if path.startswith(VIDEO):
            raise UsageError(
                f"{path} has no masks, labels or boxes: 'metricfit evaluate' measures how steady a model is on it by "
                "itself, predict and demo take the file without 'video:'"
            )
        there = f" ({surroundings(Path(path).expanduser())})" if path else ""
        raise UsageError(
            f"there is no folder {path!r}{there}: data are the path of a folder, {FORMS}, or several of these as "
            "'A + B'"
        )


def open_source(text: str, *, needs: str = "mask", files: FileCoding | None = None) -> Source:
    """Open the source that a text names: one of `FORMS`, or several with " + " between them, which become one.

    Every example must have what is needed, `none` being pictures only. Examples are loaded when asked for. A bare path
    is `auto:PATH`. `SOURCE:LIST.txt` takes those that a list names. `files` says how pictures are read and, for the
    sources that read files of these, how masks and labels are written.

    Raises:
        UsageError: no such kind of source, split or need, or a kind that does not hold what is needed.
        DataError: the data are not there.
    """
    if needs not in NEEDS:
        raise UsageError(f"a source can be asked for {', '.join(NEEDS)}; got needs={needs!r}")
    texts = split_texts(text)
    if len(texts) > 1:
        return join_sources([open_source(one, needs=needs, files=files) for one in texts], needs)
    name, rest = kind_and_rest(text)
    if name and SOURCES[name].of_others:
        return _made_of(SOURCES[name], rest, text.strip(), needs, files)
    whole, chosen = without_list(text)
    if chosen is not None and kind_and_rest(whole)[0]:
        return Listed(open_source(whole, needs=needs, files=files), chosen, text.strip())
    check_named(text)
    kind = SOURCES[name]
    _check_held(name, kind, needs)
    files = files or FileCoding()
    since = time.time_ns()
    source = kind.open(rest, needs, files) if kind.coded else kind.open(rest, needs)
    source.files, source.since = files, since
    return source


def _made_of(kind: SourceKind, rest: str, text: str, needs: str, files: FileCoding | None) -> Source:
    """Open a source that is made of another one; a list behind it chooses among that one's examples."""
    if not rest.strip():
        raise UsageError(f"expected {kind.form}, found no source behind {text!r}: give one, such as scenes:test")
    _check_held(text.partition(":")[0], kind, needs)
    source: Source = kind.open(open_source(rest, needs=needs, files=files), text)
    source.files = files or FileCoding()
    return source


def _check_held(name: str, kind: SourceKind, needs: str) -> None:
    if needs not in (*kind.holds, "none"):
        holds = " or ".join(PLURALS[held] for held in kind.holds)
        others = [
            other.form
            for other in SOURCES.values()
            if needs in other.holds and len(other.holds) < len(NEEDS) - 1 and not other.of_others
        ]
        raise UsageError(f"{name} sources hold {holds}, not {PLURALS[needs]}: use {', '.join(others)} for these")
