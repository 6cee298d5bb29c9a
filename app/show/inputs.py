"""What is given to be looked at: pictures and videos, as files, folders, patterns, lists of files, or sources."""

import glob
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from ...trainers.data.example import Ids, Source
from ...trainers.data.images import PICTURE_SUFFIXES, picture_files, read_image
from ...trainers.data.listing import broken_links, no_pictures, passed_over, surroundings
from ...trainers.data.sources import FORMS, SOURCES, open_source
from ...trainers.errors import DataError, UsageError
from ...trainers.text import read_text

log = logging.getLogger("metricfit")

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv",
)  # fmt: skip
LIST_SUFFIXES = (".txt", ".lst")

Input = str | Path | np.ndarray
"""What pictures are given as: a file, folder, pattern or source, or uint8 [H, W, 3]."""


@dataclass(frozen=True)
class Picture:
    """A picture's path as found or name in a source, and what loads it: uint8 RGB or RGBA, or a DataError.

    What loading had to mend is added to `repairs`, a few words each. `ids` are those of the source, where it has some.
    """

    name: str
    load: Callable[[], np.ndarray]
    repairs: list[str] = field(default_factory=list)
    ids: Ids | None = None


def is_source(text: str) -> bool:
    """Tell whether a text names a data source such as `scenes:test`, rather than a path."""
    return text.partition(":")[0] in SOURCES and not Path(text).exists()


def is_picture(path: Path) -> bool:
    """Tell whether a file is called as pictures are."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def is_video(path: Path) -> bool:
    """Tell whether a file is called as videos are."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_pictures(inputs: Iterable[Input], videos: list[Path] | None = None) -> list[Picture]:
    """List the pictures that files, folders (or their `images/`), patterns, lists, sources and arrays name, each once.

    Where videos are wanted, too, those that are named are added to `videos`, and are no pictures.
    """
    found: dict[str, Picture] = {}
    inputs = list(inputs)
    for number, given in enumerate(inputs, 1):
        if isinstance(given, np.ndarray):
            name = f"picture-{number}"
            found[name] = Picture(name, given.view)
        elif is_source(str(given)):
            found |= _in_source(str(given))
        else:
            try:
                files = _files(str(given), with_videos=videos is not None)
            except DataError as error:
                if len(inputs) == 1:
                    raise
                # One of several, such as a folder that `photos/*` took along: the others are done.
                found[str(given)] = Picture(str(given), partial(_fail, error))
                continue
            for path in files:
                if videos is not None and is_video(path):
                    videos += [path] * (path not in videos)
                    continue
                repairs: list[str] = []
                load = partial(read_image, path, transparency=True, repairs=repairs)
                found[str(path.resolve())] = Picture(str(path), load, repairs)
    return list(found.values())


def _files(text: str, *, with_videos: bool) -> list[Path]:
    """List the files that a text names: a file, a folder, a list of files, or a pattern."""
    path = Path(text).expanduser()
    if path.is_dir():
        return _in_folder(path, with_videos)
    if path.is_file():
        return _listed(path) if path.suffix.lower() in LIST_SUFFIXES else [path]
    if not glob.has_magic(text):
        raise UsageError(
            f"expected a picture, a video, a folder, a pattern, a list of files or a source ({FORMS}); found nothing "
            f"at {text!r}: check the path ({surroundings(path)})"
        )
    matched = [Path(one) for one in sorted(glob.glob(str(path), recursive=True))]
    suffixes = PICTURE_SUFFIXES + VIDEO_SUFFIXES * with_videos
    files = [one for one in matched if one.suffix.lower() in suffixes and one.is_file()]
    others = passed_over([one for one in matched if one not in files], text)
    if not files:
        raise UsageError("; ".join((f"no picture matches {text!r}: check the pattern", *others)))
    for sentence in others:
        log.warning("%s", sentence)
    return files


def _listed(path: Path) -> list[Path]:
    """Read a list of files, a line each, from the list's folder or from here."""
    lines = list(filter(None, map(str.strip, read_text(path).splitlines())))
    files = [next(filter(Path.is_file, (path.parent / line, Path(line))), None) for line in lines]
    if missing := [line for line, file in zip(lines, files) if file is None]:
        shown = ", ".join(missing[:3]) + ", ..." * (len(missing) > 3)
        raise DataError(
            f"{path} is taken as a list of files, and {len(missing)} of its {len(lines)} lines name none, from its "
            f"folder or from here: {shown}"
        )
    if not files:
        raise DataError(f"{path} is taken as a list of files, and is empty: write a file in each line")
    return [file for file in files if file is not None]


def _in_source(text: str) -> dict[str, Picture]:
    # Models train on the scenes of the other split.
    source = open_source("scenes:test" if text == "scenes" else text, needs="none")
    found = {}
    for index, name in enumerate(source.names):
        repairs: list[str] = []
        file = source.picture_file(index)
        # An example has no transparency, which a cut-out of its picture needs.
        load = (
            partial(read_image, file, transparency=True, repairs=repairs)
            if file
            else partial(_image_of, source, index, repairs)
        )
        found[f"{text}/{name}"] = Picture(name, load, repairs, source.ids)
    for note in source.notes:
        log.warning("%s", note)
    return found


def _fail(error: DataError) -> np.ndarray:
    raise error


def _image_of(source: Source, index: int, repairs: list[str]) -> np.ndarray:
    example = source.load(index)
    repairs.extend(example.repairs)
    return example.image


def _in_folder(folder: Path, with_videos: bool) -> list[Path]:
    for place in (folder, folder / "images"):
        if place.is_dir() and (files := picture_files(place)):
            broken = (sentence for _, sentence in broken_links(place.iterdir()))
            for sentence in (*passed_over(place.iterdir(), place), *broken):
                log.warning("%s", sentence)
            return files
    if with_videos and (videos := sorted(filter(is_video, folder.iterdir()))):
        return videos
    raise no_pictures(folder)
