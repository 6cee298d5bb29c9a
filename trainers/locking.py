"""One process at a time in a folder: a lock of the operating system, which frees it also when a process is killed."""

import contextlib
import errno
import json
import logging
import os
import socket
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import IO, Self

from .errors import MetricfitError, UsageError
from .files import left_beside

log = logging.getLogger("metricfit")

LOCK = ".lock"
"""The file in a folder that is locked; it says who works there. It goes with the work, and counts for nothing alone."""

_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)  # the last one is Windows'
_PATIENCE = 1.0  # seconds in which whoever got a lock has surely written who it is


class FolderLock:
    """A context in which `acquire` keeps a folder from all others: processes, of other machines too, and threads.

    Args:
        folder: need not be there before `acquire`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / LOCK
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def acquire(self) -> None:
        """Take the folder, which is made where it is not there; nothing happens where it is taken already.

        A file system without locks is told in a warning, and trusted.

        Raises:
            UsageError: somebody else has it.
            MetricfitError: nothing can be written there.
        """
        while self._file is None:
            file = self._opened()
            try:
                _lock(file)
            except OSError as error:
                if error.errno in _HELD:
                    told = _holder(file)
                    file.close()
                    raise UsageError(
                        f"{self.path.parent} is in use by {told}: wait for it, end it, or choose another --out"
                    ) from error
                log.warning(
                    "%s lies on a file system without locks (%s): nothing but you keeps a second process out of it",
                    self.path.parent, error.strerror,
                )  # fmt: skip
            # Whoever had it before may have removed the file between our opening and locking it.
            if _is_at(file, self.path):
                self._file = file
            else:
                file.close()
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        try:
            self._file.truncate(0)
            self._file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}) + "\n")
            self._file.flush()
        except OSError as error:  # such as a full disk, which names no file
            raise self._refused(error) from error

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            if os.name == "nt":
                self._file.close()  # Windows removes no open file, and none that the next one has opened meanwhile
            with contextlib.suppress(OSError):
                self.path.unlink()
            self._file.close()
            self._file = None

    def _opened(self) -> IO[str]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> MetricfitError:
        return MetricfitError(
            f"cannot write into {self.path.parent} ({error.strerror}): check the folder and the space left, or choose "
            "another --out"
        )


def holds_nothing(folder: Path) -> bool:
    """Tell whether there is nothing in a folder but a lock and what killed processes left half-written."""
    return not set(folder.iterdir()) - {folder / LOCK, *left_beside(folder)}


def refuse_locked(folder: str | Path) -> None:
    """Refuse, with a `UsageError`, a folder in which or below which somebody works."""
    for path in Path(folder).rglob(LOCK):
        with FolderLock(path.parent) as lock:
            lock.acquire()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(2**20)  # others cannot read what is locked, so that is far behind the text
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _holder(file: IO[str]) -> str:
    """Say who has a lock, by what that one writes after it got it."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        file.seek(0)
        with contextlib.suppress(ValueError, TypeError, KeyError):
            told = json.loads(file.read())
            return f"process {told['pid']} on {told['host']} since {told['since']}"
        time.sleep(0.02)
    return "another process"
