"""How far a pipeline is: its workers write into a folder what they have done, where that is one of this machine's."""

import os
import shutil
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...trainers.errors import MetricfitError
from ...trainers.progress import progress

EVERY = 1.0
"""Seconds between two looks."""
BESIDE = ".metricfit-"
"""What the names of workers' folders begin with."""


@contextmanager
def folder_of_workers(parent: Path) -> Iterator[Path]:
    """Give a new folder for what workers write meanwhile; it goes when all is done. MetricfitError where refused."""
    folder = parent / f"{BESIDE}{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise MetricfitError(f"cannot write {folder} ({error.strerror or error}): check the folder") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def note(folder: Path | None, pictures: int) -> None:
    """Note, on a worker, that so many further pictures are done."""
    if folder is not None:
        with (folder / f"{socket.gethostname()}-{os.getpid()}").open("a") as file:
            file.write(f"{pictures}\n")


def done_in(folder: Path) -> int:
    """Count the pictures that all workers have noted; a part that was done twice counts twice."""
    texts = (path.read_text().rpartition("\n")[0] for path in folder.iterdir())
    return sum(int(line) for text in texts for line in text.splitlines())


@contextmanager
def watched(folder: Path | None, title: str, total: int, *, quiet: bool = False) -> Iterator[None]:
    """Show how many are done meanwhile; nothing where there is no folder."""
    if folder is None or quiet:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        with progress(total=total, desc=title, unit="image", quiet=quiet) as bar:
            whole = False
            while not whole:
                whole = ended.wait(EVERY)
                bar.update(min(done_in(folder), total) - bar.n)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
