"""What is given to be looked at: pictures and videos, as files, folders, patterns, lists of files, or sources."""

import glob
import hashlib
import logging
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...trainers.data.example import Ids, Source
from ...trainers.data.images import PICTURE_SUFFIXES, Seen, picture_files, read_image, read_seen
from ...trainers.data.listing import no_pictures, passed_over, passed_over_in, surroundings
from ...trainers.data.pixel_files.coding import FileCoding
from ...trainers.data.sources import FORMS, SOURCES, open_source
from ...trainers.errors import DataError, MetricfitError, UsageError, first_line
from ...trainers.text import read_text

log = logging.getLogger("metricfit")

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv",
)  # fmt: skip
LIST_SUFFIXES = (".txt", ".lst")
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}

Input = str | Path | np.ndarray
"""What pictures are given as: a file, folder, pattern or source, or uint8 [H, W, 3]."""


@dataclass(frozen=True)
class Picture:
    """A picture's path as found or name in a source, and what reads it: uint8 RGB or RGBA, or a DataError.

    What reading had to mend is added to `repairs`, a few words each. `ids` are those of the source, where it has some.
    Others may be called alike, but have another `key`. `seen` reads a file as networks see it.
    """

    name: str
    read: Callable[[], np.ndarray]
    repairs: list[str] = field(default_factory=list)
    ids: Ids | None = None
    key: str = ""
    stamp: Callable[[], Any] = lambda: None
    """Gives what changes when the picture does, as JSON can hold it; None where nothing tells."""
    seen: Callable[[], Seen] | None = None

    def load(self) -> np.ndarray:
        """Read the picture; DataError for whatever is wrong with it."""
        try:
            image = self.read()
        except MetricfitError:
            raise
        except Exception as error:  # libraries of formats raise anything on broken files, and one is not all
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise DataError(f"{self.name} cannot be read as an image ({reason}): replace it") from error
        if not image.size:
            height, width = image.shape[:2]
            raise DataError(f"{self.name} is {width}x{height} pixels, so there is no picture in it: replace it")
        return image


def is_source(text: str) -> bool:
    """Tell whether a text names a data source such as `scenes:test`, rather than a path."""
    return text.partition(":")[0] in SOURCES and not Path(text).exists()


def is_picture(path: Path) -> bool:
    """Tell whether a file is called as pictures are."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def is_video(path: Path) -> bool:
    """Tell whether a file is called as videos are."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_pictures(
    inputs: Iterable[Input], videos: list[Path] | None = None, *, max_megapixels: float | None = None
) -> list[Picture]:
    """List the pictures that files, folders (or their `images/`), patterns, lists, sources and arrays name, each once.

    Where videos are wanted, too, those that are named are added to `videos`, and are no pictures. Reading a picture of
    more than `max_megapixels` gives a DataError.
    """
    reading = FileCoding(max_megapixels=max_megapixels, whole=True)
    found: dict[str, Picture] = {}
    inputs = list(inputs)
    named = {os.path.realpath(path) for path in videos or ()}
    for number, given in enumerate(inputs, 1):
        if isinstance(given, np.ndarray):
            name = f"picture-{number}"
            found[name] = Picture(name, given.view, key=name, stamp=partial(_checksum, given))
        elif is_source(str(given)):
            found |= _in_source(str(given), reading)
        else:
            try:
                files = _files(str(given), with_videos=videos is not None)
            except (DataError, UsageError, OSError) as error:
                if len(inputs) == 1 and isinstance(error, OSError):
                    raise _unreachable(Path(given), error) from error
                # A name that nothing could be meant by is a slip: better said now than after hours.
                if len(inputs) == 1 or (isinstance(error, UsageError) and not _is_file_name(str(given))):
                    raise
                # One of several, such as a folder that `photos/*` took along: the others are done.
                found[str(given)] = _bad(str(given), _fault(Path(given), error))
                continue
            for path in files:
                key = os.path.realpath(path)
                if videos is not None and is_video(path):
                    if key not in named:
                        named.add(key)
                        videos.append(path)
                elif (odd := _odd(path)) is not None:
                    found[key] = _bad(str(path), odd)
                else:
                    found[key] = _of_file(str(path), path, key, reading)
    return list(found.values())


def file_stamp(path: Path) -> list[int] | None:
    """Give the size and time of a file, which change when it does; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _of_file(name: str, path: Path, key: str, reading: FileCoding, ids: Ids | None = None) -> Picture:
    repairs: list[str] = []
    read = partial(read_image, path, transparency=True, repairs=repairs, max_megapixels=reading.max_megapixels)
    # What was mended is said by the first reading.
    seen = partial(read_seen, path, repairs=[], files=replace(reading, whole=False))
    return Picture(name, read, repairs, ids, key, partial(file_stamp, path), seen)


def _bad(name: str, fault: DataError) -> Picture:
    return Picture(name, partial(_fail, fault), key=name)


def _checksum(image: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


def _is_file_name(text: str) -> bool:
    return not glob.has_magic(text) and (is_picture(Path(text)) or is_video(Path(text)))


def _fault(path: Path, error: Exception) -> DataError:
    if isinstance(error, OSError):
        return _unreachable(path, error)
    return error if isinstance(error, DataError) else DataError(f"no picture at {path}: check the path")


def _unreachable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be looked at ({error.strerror}): check its name, and that you may read it")


def _odd(path: Path) -> DataError | None:
    """Say what is called like a picture and is none: a link to nothing, a folder, a pipe; None for files."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        if path.is_symlink():
            return DataError(
                f"{path} is a link to {os.readlink(path)}, and there is nothing: bring the picture there, or remove it"
            )
        return None  # reading it says so
    except OSError as error:
        return _unreachable(path, error)
    if kind == stat.S_IFREG:
        return None
    return DataError(f"{path} is {_KINDS.get(kind, 'a device')}, and no picture: give a file, or remove it")


def _files(text: str, *, with_videos: bool) -> list[Path]:
    """List the files that a text names: a file, a folder, a list of files, or a pattern."""
    path = Path(text).expanduser()
    if path.is_dir():
        return _in_folder(path, with_videos)
    if path.is_file():
        return _listed(path) if path.suffix.lower() in LIST_SUFFIXES else [path]
    if os.path.lexists(path):
        return [path]
    if not glob.has_magic(text):
        raise UsageError(
            f"expected a picture, a video, a folder, a pattern, a list of files or a source ({FORMS}); found nothing "
            f"at {text!r}: check the path ({surroundings(path)})"
        )
    matched = [Path(one) for one in sorted(glob.glob(str(path), recursive=True))]
    suffixes = PICTURE_SUFFIXES + VIDEO_SUFFIXES * with_videos
    files = [one for one in matched if one.suffix.lower() in suffixes]
    taken = set(files)
    others = passed_over([one for one in matched if one not in taken], text)
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


def _in_source(text: str, reading: FileCoding) -> dict[str, Picture]:
    # Models train on the scenes of the other split.
    source = open_source("scenes:test" if text == "scenes" else text, needs="none", files=reading)
    found = {}
    for index, name in enumerate(source.names):
        key = f"{text}/{name}"
        # An example has no transparency, which a cut-out of its picture needs.
        if file := source.picture_file(index):
            found[key] = _of_file(name, Path(file), key, reading, source.ids)
        else:
            repairs: list[str] = []
            found[key] = Picture(name, partial(_image_of, source, index, repairs), repairs, source.ids, key)
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
        if place.is_dir() and picture_files(place):
            for sentence in passed_over_in(place):
                log.warning("%s", sentence)
            # Links to nothing and others called so come along, to be named among what failed.
            return sorted(path for path in place.iterdir() if is_picture(path) and not path.name.startswith("."))
    if with_videos and (videos := sorted(filter(is_video, folder.iterdir()))):
        return videos
    raise no_pictures(folder)
