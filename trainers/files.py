"""Files that are whole or absent, also after a power cut: written beside, brought to the disk, then renamed."""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import DataError, MetricfitError
from .text import json_text

_BESIDE = re.compile(r"\.\d+\..+")


@contextlib.contextmanager
def written_beside(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path`, of the same ending, renamed to it on success; MetricfitError where refused."""
    path = Path(path)
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        to_disk(beside)
        os.replace(beside, path)
        to_disk(path.parent)
    except OSError as error:
        reason = error.strerror or error
        raise MetricfitError(f"cannot write {path} ({reason}): check the folder and the space left") from error
    finally:
        # Below a file instead of a folder even this is refused.
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_beside(path: str | Path) -> Iterator[Path]:
    """Give a new folder beside `path`, renamed to it on success and removed otherwise; MetricfitError where refused."""
    path = Path(path)
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        beside.mkdir(parents=True)
        yield beside
        tree_to_disk(beside)
        beside.rename(path)
        to_disk(path.parent)
    except OSError as error:
        reason = error.strerror or error
        raise MetricfitError(f"cannot write {path} ({reason}): check the folder and the space left") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def left_beside(folder: Path) -> list[Path]:
    """Give the files that a killed process left half-written in a folder; of a living one, they are its own."""
    return [path for path in folder.glob(".*") if _BESIDE.fullmatch(path.name) and path.is_file()]


def to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk: a rename may get there before what it names."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def tree_to_disk(path: Path) -> None:
    """Wait until everything in a folder is on the disk."""
    for folder, _, names in os.walk(path):
        for name in (*names, ""):
            to_disk(Path(folder, name))


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file whole or not at all; gives its path."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: str | Path, data: Any) -> Path:
    """Write data as indented JSON, whole or not at all; gives the path."""
    return write_text(path, json_text(data, indent=2) + "\n")


def digest(path: str | Path, *, names: bool = True) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file, or of all files of a folder in the order of their names.

    Of a folder that is the SHA-256 of each file's name below it, in UTF-8, its size and its content, each after the
    next and the first two ended by a zero byte. Without `names`, as cards before version 6 have it, it is that of the
    contents alone, which does not tell where one file ends and the next begins.
    """
    path, size, content = Path(path), 0, hashlib.sha256()
    # As cards before version 6 were made: parts of names in turn, not letters.
    for one in sorted(file for file in (path, *path.rglob("*")) if file.is_file()):
        if names and one != path:
            name = os.fsencode(one.relative_to(path).as_posix())
            content.update(b"%s\0%d\0" % (name, one.stat().st_size))
        with one.open("rb") as file:
            while piece := file.read(1 << 20):
                size += len(piece)
                content.update(piece)
    return size, content.hexdigest()


def check_sha256(path: str | Path, expected: str, *, names: bool = True) -> None:
    """Refuse a file or folder that is not the one whose SHA-256 its card holds; DataError, also where it is unreadable.

    There is no flag against it: who changed a file on purpose puts its new SHA-256, that of `digest`, into the card.
    """
    try:
        size, found = digest(path, names=names)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): check the file") from error
    if found != expected.lower():
        raise DataError(
            f"{path} is not the file that its card describes (SHA-256 {found[:12]}..., expected {expected[:12]}..., "
            f"{size} bytes): it was damaged or changed, download or export it again"
        )
