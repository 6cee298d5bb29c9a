"""Files that are whole or absent, also after a power cut: written beside, brought to the disk, then renamed."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import MetricfitError


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
        for folder, _, names in os.walk(beside):
            for name in (*names, ""):
                to_disk(Path(folder, name))
        beside.rename(path)
        to_disk(path.parent)
    except OSError as error:
        reason = error.strerror or error
        raise MetricfitError(f"cannot write {path} ({reason}): check the folder and the space left") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk: a rename may get there before what it names."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file whole or not at all; gives its path."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: str | Path, data: Any) -> Path:
    """Write data as indented JSON, whole or not at all; gives the path."""
    return write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
