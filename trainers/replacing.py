"""A folder that takes another one's place; who is killed in between leaves the other one to be brought back."""

import contextlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import MetricfitError, UsageError
from .files import tree_to_disk
from .locking import LOCK, FolderLock

log = logging.getLogger("metricfit")

_NEW, _OLD = "new", "old"


@contextlib.contextmanager
def replaced_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder beside `path` that takes its place when the block ends without an error, and vanishes otherwise.

    What was there before stays until the new one is whole and on the disk. What earlier, killed ones left is removed.

    Raises:
        MetricfitError: the system refuses to write there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        scratch = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise MetricfitError(
            f"cannot write into {path.parent} ({error.strerror or error}): check the folder, or choose another one"
        ) from error
    # The lock tells those who look whether this one still lives; the system frees it when it is killed.
    with scratch, FolderLock(scratch.name) as lock:
        lock.acquire()
        new, old = Path(scratch.name, _NEW), Path(scratch.name, _OLD)
        new.mkdir()  # as readable as any other folder, while the temporary one is for its owner only
        try:
            yield new
            tree_to_disk(new)
            try:
                if path.exists():
                    os.replace(path, old)
                os.replace(new, path)
            except OSError as error:  # a mount point, say
                raise MetricfitError(
                    f"{path} cannot be replaced ({error.strerror or error}): choose a folder inside it, or beside it"
                ) from error
        except BaseException:
            if old.exists():
                os.replace(old, path)
            raise


def is_there(path: str | Path) -> bool:
    """Tell whether there is something at a path, once it or its folder was brought back where that had to be."""
    path = Path(path)
    return path.exists() or bring_back(path) or (bring_back(path.parent) and path.exists())


def bring_back(path: str | Path) -> bool:
    """Bring a folder back that was to be replaced when the program was killed; tells, and warns, whether it was.

    Nothing happens where there is something at `path`, or where whoever replaces it still lives.

    Raises:
        UsageError: it is there, and the system does not let it be moved back.
    """
    path = Path(path)
    if path.exists():
        return False
    for scratch in _left(path):
        if not (scratch / _OLD).is_dir():
            continue
        try:
            with FolderLock(scratch) as lock:
                lock.acquire()
                os.replace(scratch / _OLD, path)
                shutil.rmtree(scratch, ignore_errors=True)
        except UsageError:  # somebody works there
            continue
        except (OSError, MetricfitError) as error:
            if path.exists():
                return False  # whoever replaces it has just done so
            raise UsageError(
                f"{path} was being replaced when the program was killed, and lies in {scratch / _OLD}: move it back, "
                "since the system does not let this program do it"
            ) from error
        log.warning(
            "%s was being replaced when the program was killed: what it was before is back, so export again for the "
            "new one",
            path,
        )  # fmt: skip
        return True
    return False


def _left(path: Path) -> list[Path]:
    """Give the folders beside a path in which it was, or is, replaced; the latest first."""
    if not path.name or not path.parent.is_dir():
        return []
    ours = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}")
    try:
        found = [one for one in path.parent.iterdir() if ours.fullmatch(one.name) and one.is_dir()]
        # The lock's file says that it is ours.
        found = [one for one in found if {LOCK} <= {inside.name for inside in one.iterdir()} <= {LOCK, _NEW, _OLD}]
        return sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)
    except OSError:
        return []  # of a folder that is not ours to look into


def _clear(path: Path) -> None:
    """Remove what killed ones left, once nothing is missing at the path itself."""
    bring_back(path)
    for scratch in _left(path):
        with contextlib.suppress(UsageError, MetricfitError), FolderLock(scratch) as lock:
            lock.acquire()
            shutil.rmtree(scratch, ignore_errors=True)
