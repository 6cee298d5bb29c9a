"""Arrays that took long to find out, kept for the next time in the user's folder for what can be made again."""

import contextlib
import functools
import hashlib
import io
import logging
import os
import re
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

import cv2
import numpy as np
import PIL

from ..errors import MetricfitError
from ..files import written_beside
from .decoding import has_heif
from .ragged import Ragged

log = logging.getLogger("metricfit")

LIMIT = 2**30
"""Bytes that all kept files may take together: those that were not used for longest go first."""

MARGIN = 2 * 10**9
"""Nanoseconds: file systems tell times only so exactly (FAT). What was changed a moment before it was read can be
changed again without its times showing it, so what is as young as that is never taken as known."""

WORTH = 2.0
"""Seconds that something must have taken to be kept: what was quick is as quick again."""

_DIGEST = hashlib.sha256().digest_size  # bytes before what they are the digest of
_HALF_WRITTEN = 24 * 3600  # seconds, after which nobody writes a file any more
_wanted: ContextVar[bool] = ContextVar("wanted", default=False)


@contextlib.contextmanager
def keeping(wanted: bool) -> Iterator[None]:
    """Say whether, meanwhile, anything that was kept is used, and anything is kept."""
    before = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(before)


def place_of(called: str, key: str) -> Path | None:
    """Give the file for what a key describes, which need not be there; None where nothing is to be kept."""
    if not _wanted.get():
        return None
    digest = hashlib.sha256(f"{_program()} {key}".encode("utf-8", "surrogatepass")).hexdigest()
    return kept_folder() / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', called).strip('_')[-40:]}-{digest[:24]}.npz"


def kept_folder() -> Path:
    """Give where all is kept: `metricfit/scans` in the user's folder for such files."""
    home = {"win32": "~/AppData/Local", "darwin": "~/Library/Caches"}.get(sys.platform, "~/.cache")
    place = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return Path(place or home).expanduser() / "metricfit" / "scans"


def times_of(files: Iterator[str] | tuple[str, ...], since: int) -> list[tuple[str, int, int, int]] | None:
    """Give paths, sizes and times of files; None where one is gone, or may have changed since the time `since`."""
    try:
        found = [(file, os.stat(file)) for file in dict.fromkeys(files)]
    except OSError:
        return None
    if any(max(facts.st_mtime_ns, facts.st_ctime_ns) >= since - MARGIN for _, facts in found):
        return None
    return [(os.path.abspath(file), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns) for file, facts in found]


def read_kept(path: Path) -> dict[str, np.ndarray] | None:
    """Read the arrays that are kept in a file; None where there is none, or it is damaged."""
    try:
        content = path.read_bytes()
        with contextlib.suppress(OSError):
            os.utime(path)
    except OSError:
        return None
    if content[:_DIGEST] != hashlib.sha256(memoryview(content)[_DIGEST:]).digest():
        log.info("%s is damaged: what was kept there is found out anew", path)
        return None
    with np.load(io.BytesIO(memoryview(content)[_DIGEST:]), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def keep(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays in a file, whole or not at all; where that is refused, they are not kept."""
    file = io.BytesIO()
    # The fastest level: most of it is alike, and the rest is as long at any.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)
    try:
        with written_beside(path) as beside, beside.open("wb") as out:
            out.write(hashlib.sha256(file.getbuffer()).digest())
            out.write(file.getbuffer())
        _make_room(path)
    except (MetricfitError, OSError) as error:
        log.info("nothing is kept for the next time: %s", error)


def ragged_arrays(name: str, rows: Ragged) -> dict[str, np.ndarray]:
    """Write rows as arrays of a file."""
    return {f"{name} values": narrow(rows.values), f"{name} lengths": narrow(rows.lengths)}


def ragged_of(arrays: Mapping[str, np.ndarray], name: str, dtype: type) -> Ragged:
    """Read what `ragged_arrays` has written."""
    values: np.ndarray = arrays[f"{name} values"].astype(dtype, copy=False)
    return Ragged(values, np.cumsum(arrays[f"{name} lengths"], dtype=np.int64))


def narrow(values: np.ndarray) -> np.ndarray:
    """Bring whole numbers to the smallest type that holds all of them."""
    ends = [values.min(), values.max()] if values.size else [0]
    return values.astype(np.result_type(*map(np.min_scalar_type, ends)), copy=False)


def _make_room(newest: Path) -> None:
    """Remove what was not used for longest, and what killed processes have left half-written."""
    files = {path: path.stat() for path in newest.parent.iterdir() if path.is_file()}
    left = [path for path in files if path.name.startswith(".")]
    old = [path for path in left if files[path].st_mtime < time.time() - _HALF_WRITTEN]
    kept = sorted((path for path in files if path not in left), key=lambda path: files[path].st_mtime)
    total = sum(files[path].st_size for path in kept)
    for path in kept:
        if total > LIMIT and path != newest:
            old.append(path)
            total -= files[path].st_size
    for path in old:
        with contextlib.suppress(OSError):
            path.unlink()


@functools.lru_cache(maxsize=1)
def _program() -> list[object]:
    """Say which program reads: what another one finds may be something else."""
    root = Path(__file__).parents[1]
    files = sorted((*root.glob("*.py"), *(root / "data").rglob("*.py")))
    code = [(str(path.relative_to(root)), (facts := path.stat()).st_size, facts.st_mtime_ns) for path in files]
    return [code, PIL.__version__, cv2.__version__, np.__version__, has_heif()]
