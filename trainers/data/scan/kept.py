"""Scans that were made before: what was found in files that have not changed since is taken from there."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...text import counted
from ..example import Source
from ..kept_arrays import keep, place_of, ragged_arrays, ragged_of, read_kept, times_of
from ..names import Names, packed
from .description import NotPlain, described
from .looks import Looks
from .stamps import Stamps, stamps_of

log = logging.getLogger("metricfit")


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
        times = times_of(tuple(source.files_of_all()), source.since)
        if times is None:
            return None
        try:
            key = described([needs, source.name, source.class_names, reading, times])
        except NotPlain:
            return None
        path = place_of(source.name, key)
        return cls(path, source, stamps_of(source, quiet=quiet)) if path else None

    def known(self) -> Looks:
        """Give what is known of the examples whose files are as they were; the source is told what it had learnt."""
        count = len(self._source)
        arrays = read_kept(self.path)
        if arrays is None:
            return Looks.none(count)
        names, looks, learnt = _read(arrays)
        places, rows = self._stamps.same(packed(self._source.names), names, arrays["marks"], self._source.since)
        taken = looks.take(rows).spread(places, count)
        self._source.recall(places, {name: values[rows] for name, values in learnt.items()})
        if len(places):
            log.info("%s: %s not changed since an earlier scan", self._source.name, counted(len(places), "example"))
        return taken

    def keep(self, looks: Looks) -> None:
        """Keep what is known, but for faults, which may pass, and for files that have changed just now."""
        rows = np.flatnonzero((looks.told >= 0) & self._stamps.settled(self._source.since))
        learnt = {name: values[rows] for name, values in self._source.learnt().items()}
        names = packed(self._source.names).take(rows)
        keep(self.path, {"marks": self._stamps.marks[rows], **_written(names, looks.take(rows), learnt)})


def _written(names: Names, looks: Looks, learnt: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Write names, looks and what the source had learnt as arrays."""
    arrays = {"learnt": np.frombuffer(json.dumps(list(learnt)).encode(), np.uint8), **looks.arrays()}
    arrays |= ragged_arrays("names", names.rows)
    return arrays | {f"learnt {number}": values for number, values in enumerate(learnt.values())}


def _read(arrays: Mapping[str, np.ndarray]) -> tuple[Names, Looks, dict[str, np.ndarray]]:
    """Read what `_written` gave."""
    kinds = json.loads(arrays["learnt"].tobytes())
    learnt = {name: arrays[f"learnt {number}"] for number, name in enumerate(kinds)}
    return Names.of_rows(ragged_of(arrays, "names", np.uint8)), Looks.of_arrays(arrays), learnt
