"""What lies in a folder beside the pictures that can be read, said in words."""

import difflib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ..errors import DataError
from ..text import folded
from .decoding import HEIF_SUFFIXES, RAW_SUFFIXES
from .images import PICTURE_SUFFIXES
from .paths import files_called

_REMEDIES = {
    HEIF_SUFFIXES: "HEIC with pip install 'metricfit[heic]', or save them as JPEG",
    RAW_SUFFIXES: "raw photos of a camera must be developed: save them as JPEG or PNG",
    (".svg", ".pdf", ".psd", ".ai", ".eps"): "drawings and documents must be exported as PNG",
    (".exr", ".hdr", ".jxl", ".dcm", ".nii", ".mha", ".fits"): "save them as PNG or TIFF of 8 or 16 bits",
    (
        ".mp4",
        ".m4v",
        ".mov",
        ".avi",
        ".mkv",
        ".webm",
        ".mts",
    ): "of videos, take out the frames that are meant; predict takes them by name",
}
"""Endings of what holds a picture and is not read here -> what to do."""


def unread_endings() -> tuple[str, ...]:
    """Give the endings of files that hold pictures and are not read."""
    return tuple(suffix for suffixes in _REMEDIES for suffix in suffixes if suffix not in PICTURE_SUFFIXES)


def passed_over(paths: Iterable[Path], where: object) -> tuple[str, ...]:
    """Say in a sentence, if there is need, which files hold pictures and are not read, and what to do about them."""
    remedies = {suffix: text for suffixes, text in _REMEDIES.items() for suffix in suffixes}
    unread = unread_endings()
    found = sorted(
        path for path in paths if path.suffix.lower() in unread and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        return ()
    names = ", ".join(path.name for path in found[:3]) + ", ..." * (len(found) > 3)
    files = "1 file is" if len(found) == 1 else f"{len(found)} files are"
    advice = "; ".join(dict.fromkeys(remedies[path.suffix.lower()] for path in found))
    return (f"{files} not read in {where}: {names} ({advice})",)


def passed_over_in(folder: Path) -> tuple[str, ...]:
    """Say the same of the files of a folder."""
    return passed_over(files_called(folder, unread_endings()), folder)


def broken_links(folder: Path) -> tuple[tuple[str, str], ...]:
    """Give the faults (name, sentence) of links in a folder that are called like pictures and lead nowhere."""
    with os.scandir(folder) as all_entries:
        links = [Path(entry.path) for entry in all_entries if entry.is_symlink()]
    found = sorted(str(path) for path in links if path.suffix.lower() in PICTURE_SUFFIXES and is_broken_link(path))
    text = "{} is a link to {}, and there is nothing: bring the picture there, or remove the link"
    return tuple((os.path.basename(path), text.format(path, os.readlink(path))) for path in found)


def is_broken_link(path: Path) -> bool:
    """Tell whether a path, not a hidden one, is a link that leads nowhere."""
    return not path.name.startswith(".") and path.is_symlink() and not path.exists()


def contents(folder: Path) -> str:
    """Say what a folder holds, for an error that misses something there."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    folders = [f"{path.name}/" for path in paths if path.is_dir()]
    endings = Counter(path.suffix.lower() or "without ending" for path in paths if not path.is_dir())
    files = [f"{count} {ending}" for ending, count in endings.most_common(4)]
    shown = ", ".join([*folders[:6], *["..."] * (len(folders) > 6), *files])
    return f"it holds {shown}" if shown else "it is empty"


def surroundings(path: Path) -> str:
    """Say what lies where a path leads that is not there, for an error that misses it."""
    place = next((parent for parent in path.absolute().parents if parent.is_dir()), Path.cwd())
    missing = path.absolute().relative_to(place).parts[0]
    names = {folded(one.name): one.name for one in place.iterdir()}
    near = difflib.get_close_matches(folded(missing), names, n=1, cutoff=0.75)
    return f"did you mean {place / names[near[0]]}?" if near else f"looked in {place}: {contents(place)}"


def no_pictures(folder: Path) -> DataError:
    """Say that a folder holds no picture that can be read, and what it holds instead."""
    return DataError(
        f"{folder} holds no pictures ({', '.join(PICTURE_SUFFIXES)}); {contents(folder)}"
        + "".join(f"; {sentence}" for sentence in passed_over_in(folder))
        + ": give the folder that holds them"
    )
