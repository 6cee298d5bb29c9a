"""Scans that were made before: what was found in files that have not changed since is taken from there."""

import contextlib
import functools
import hashlib
import io
import json
import logging
import os
import re
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL

from ...errors import MetricfitError
from ...files import written_beside
from ...text import counted
from ..decoding import has_heif
from ..example import Source
from ..names import Names, packed
from ..ragged import Ragged
from .description import NotPlain, described
from .looks import Looks, Told
from .stamps import MARGIN, Stamps, stamps_of

log = logging.getLogger("metricfit")

LIMIT = 2**30
"""Bytes that all kept scans may take together: those that were not used for longest go first."""

WORTH = 2.0
"""Seconds that a scan must have taken to be kept: what was quick is as quick again."""

_DIGEST = hashlib.sha256().digest_size  # bytes before what they are the digest of
_HALF_WRITTEN = 24 * 3600  # seconds, after which nobody writes a file any more


def scans_folder() -> Path:
    """Give where scans are kept: `metricfit/scans` in the user's folder for what can be made again."""
    home = {"win32": "~/AppData/Local", "darwin": "~/Library/Caches"}.get(sys.platform, "~/.cache")
    place = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return Path(place or home).expanduser() / "metricfit" / "scans"


class KeptScan:
    """What is kept of one source, asked for one kind of target: found by how it is read, valid file by file.

    Args:
        path: its file, which need not be there.
        source: the source as it was opened now.
        stamps: what its files look like now.
    """

    def __init__(self, path: Path, source: Source, stamps: Stamps):
        self.path, self._source, self._stamps = path, source, stamps

    @classmethod
    def of(cls, source: Source, needs: str, *, quiet: bool = False) -> "KeptScan | None":
        """Find what may be kept of a source; None where it is not known what decides over its examples."""
        reading = source.reading()
        if reading is None or not len(source) or not source.since:
            return None
        try:
            shared = [(file, os.stat(file)) for file in dict.fromkeys(source.files_of_all())]
            if any(max(facts.st_mtime_ns, facts.st_ctime_ns) >= source.since - MARGIN for _, facts in shared):
                return None
            times = [(file, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns) for file, facts in shared]
            key = described([_program(), needs, source.name, source.class_names, reading, times])
        except (NotPlain, OSError):
            return None
        called = re.sub(r"[^\w.-]+", "_", source.name).strip("_")[-40:]
        path = scans_folder() / f"{called}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}.npz"
        return cls(path, source, stamps_of(source, quiet=quiet))

    def known(self) -> Looks:
        """Give what is known of the examples whose files are as they were; the source is told what it had learnt."""
        count = len(self._source)
        try:
            content = self.path.read_bytes()
            with contextlib.suppress(OSError):
                os.utime(self.path)
        except OSError:
            return Looks.none(count)
        if content[:_DIGEST] != hashlib.sha256(content[_DIGEST:]).digest():
            log.info("the kept scan %s is damaged: all is looked at anew", self.path)
            return Looks.none(count)
        with np.load(io.BytesIO(content[_DIGEST:]), allow_pickle=False) as found:
            names, marks, looks, learnt = _read(found)
        places, rows = self._same(names, marks)
        taken = looks.take(rows).spread(places, count)
        self._source.recall(places, {name: values[rows] for name, values in learnt.items()})
        if len(places):
            log.info("%s: %s not changed since an earlier scan", self._source.name, counted(len(places), "example"))
        return taken

    def _same(self, names: Names, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give which examples, and which rows of what is kept, are the same."""
        own = packed(self._source.names)
        if own == names:
            rows = np.arange(len(own))
        else:
            row_of = {name: row for row, name in enumerate(names)}
            rows = np.fromiter((row_of.get(name, -1) for name in own), np.int64, len(own))
        same = (rows >= 0) & self._stamps.settled(self._source.since)
        same[same] = (marks[rows[same]] == self._stamps.marks[same]).all(axis=1)
        return np.flatnonzero(same), rows[same]

    def keep(self, looks: Looks) -> None:
        """Keep what is known, but for faults, which may pass, and for files that have changed just now."""
        rows = np.flatnonzero((looks.told >= 0) & self._stamps.settled(self._source.since))
        learnt = {name: values[rows] for name, values in self._source.learnt().items()}
        names = packed(self._source.names).take(rows)
        content = _written(names, self._stamps.marks[rows], looks.take(rows), learnt)
        try:
            with written_beside(self.path) as beside:
                beside.write_bytes(hashlib.sha256(content).digest() + content)
            _make_room(self.path)
        except (MetricfitError, OSError) as error:
            log.info("the scan is not kept: %s", error)


def _written(names: Names, marks: np.ndarray, looks: Looks, learnt: dict[str, np.ndarray]) -> bytes:
    """Give what a file holds behind its digest: arrays as NumPy writes them."""
    about = {"texts": looks.texts, "facts": list(looks.facts), "learnt": list(learnt)}
    ragged = {"names": names.rows, **{f"facts {number}": rows for number, rows in enumerate(looks.facts.values())}}
    content = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8), "marks": marks, "told": looks.told}
    for name, rows in ragged.items():
        content |= {f"{name} values": _narrow(rows.values), f"{name} lengths": _narrow(rows.lengths)}
    content |= {f"learnt {number}": values for number, values in enumerate(learnt.values())}
    file = io.BytesIO()
    # The fastest level: most of it is alike, and the rest is as long at any.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, values in content.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)
    return file.getvalue()


def _read(found: Any) -> tuple[Names, np.ndarray, Looks, dict[str, np.ndarray]]:
    """Read the arrays of a file: names, marks, looks, and what the source had learnt."""
    about = json.loads(found["about"].tobytes())
    texts = [Told(*map(tuple, text)) for text in about["texts"]]
    facts = {kind: _ragged(found, f"facts {number}", np.int64) for number, kind in enumerate(about["facts"])}
    learnt = {name: found[f"learnt {number}"] for number, name in enumerate(about["learnt"])}
    names = Names.of_rows(_ragged(found, "names", np.uint8))
    return names, found["marks"], Looks(found["told"], texts, facts, {}), learnt


def _ragged(found: Any, name: str, dtype: type) -> Ragged:
    return Ragged(found[f"{name} values"].astype(dtype), np.cumsum(found[f"{name} lengths"], dtype=np.int64))


def _narrow(values: np.ndarray) -> np.ndarray:
    """Bring whole numbers to the smallest type that holds all of them."""
    ends = [values.min(), values.max()] if values.size else [0]
    return values.astype(np.result_type(*map(np.min_scalar_type, ends)))


def _make_room(newest: Path) -> None:
    """Remove what was not used for longest, and what killed processes have left half-written."""
    files = {path: path.stat() for path in newest.parent.iterdir() if path.is_file()}
    left = [path for path, facts in files.items() if path.name.startswith(".")]
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
def _program() -> list[Any]:
    """Say which program scans: what another one finds may be something else."""
    root = Path(__file__).parents[2]
    files = sorted((*root.glob("*.py"), *(root / "data").rglob("*.py")))
    code = [(str(path.relative_to(root)), (facts := path.stat()).st_size, facts.st_mtime_ns) for path in files]
    return [code, PIL.__version__, cv2.__version__, np.__version__, has_heif()]
