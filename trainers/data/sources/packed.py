"""Packed data as a source: `packed:DIR`, with random access, wherever `tf.io.gfile` reaches."""

import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, UsageError
from ...files import digest
from ...text import counted
from ..example import PLURALS, Example, Ids, Recorded
from ..packed.manifest import MANIFEST, Manifest, read_index, read_manifest
from ..packed.places import local_path, read_part, within
from ..packed.records import Held, example_from, held_in
from ..scan.looks import Looks

_HEADER = 12  # what stands in a TFRecord file before each record


class PackedSource(Recorded):
    """The examples of a packed folder; each was checked when it was packed, and its sum is whenever it is read."""

    def __init__(self, name: str, folder: str, needs: str):
        manifest = read_manifest(folder)
        if needs not in (manifest.needs, "none"):
            raise UsageError(
                f"{name} holds {PLURALS[manifest.needs]}, not {PLURALS[needs]}: pack the data with --needs {needs}"
            )
        self.name, self.class_names = name, manifest.class_names
        self.manifest, self.folder, self._needs = manifest, folder, needs
        self.index = read_index(folder, manifest)
        self.names = self.index.names
        self.digest, self.ignores = manifest.digest, manifest.ignores
        if manifest.needs == "boxes":
            self.box_counts = self.index.counts
        if self.index.ids:
            self.ids = Ids(**self.index.ids)
        self.notes = tuple(_notes(manifest))
        self._places = [within(folder, shard.name) for shard in manifest.shards]
        self._readers: dict[int, Any] = {}
        self._lock, self._lent = threading.Lock(), threading.local()

    def __len__(self) -> int:
        return self.manifest.examples

    def load(self, index: int) -> Example:
        """See `Source`."""
        index = range(len(self))[index]
        lent = getattr(self._lent, "held", None)
        name = self.names[index]
        if lent is not None and lent[0] == index:
            return example_from(lent[1], self._needs, name)
        return example_from(held_in(self._record(index), self._needs, f"{name} in {self.name}"), self._needs, name)

    def record(self, index: int) -> tuple["PackedSource", int]:
        """See `Source`."""
        return self, index

    def place(self, index: int) -> tuple[str, int, int]:
        """See `Recorded`."""
        if self.manifest.file_format != "tfrecord":
            return "", 0, 0
        shard, start, length = (int(one[index]) for one in (self.index.shards, self.index.starts, self.index.lengths))
        return self._places[shard], start, length

    @contextmanager
    def lent(self, index: int, held: Sequence[np.ndarray]) -> Iterator[None]:
        """See `Recorded`."""
        self._lent.held = index, Held(*held)
        try:
            yield
        finally:
            self._lent.held = None

    def seen(self) -> Looks:
        """See `Source`."""
        seen = self.index.seen
        return replace(seen, facts={kind: rows for kind, rows in seen.facts.items() if kind == self._needs})

    def reading(self) -> object:
        """See `Source`."""
        return self._needs, self.digest

    def files_of(self, indices: np.ndarray) -> Iterable[Sequence[str]]:
        """See `Source`; elsewhere than on this machine, nobody can tell whether a file was changed."""
        places = [local_path(place) for place in self._places]
        files: list[tuple[str, ...]] = [() if place is None else (str(place),) for place in places]
        return (files[shard] for shard in self.index.shards[indices].tolist())

    def doubts(self) -> Sequence[str]:
        """Compare the sums of the files with those that were written down; see `Source`."""
        found = []
        for shard, place in zip(self.manifest.shards, self._places):
            path = local_path(place)
            if path is not None and digest(path)[1] != shard.sha256:
                found.append(f"{place} is not the file that was packed (its SHA-256 differs): copy the folder again")
        return found

    def _record(self, index: int) -> bytes:
        shard, start, length = (int(one[index]) for one in (self.index.shards, self.index.starts, self.index.lengths))
        place = self._places[shard]
        if self.manifest.file_format == "tfrecord":
            record = read_part(place, start + _HEADER, length)
        else:
            record = self._from_array_record(shard, place, start)
        if zlib.crc32(record) != int(self.index.sums[index]):
            raise DataError(f"{self.names[index]} in {place} is damaged (its sum differs): copy the folder again")
        return record

    def _from_array_record(self, shard: int, place: str, number: int) -> bytes:
        from array_record.python.array_record_module import ArrayRecordReader

        with self._lock:
            try:
                if shard not in self._readers:
                    self._readers[shard] = ArrayRecordReader(place)
                return bytes(self._readers[shard].read([number])[0])
            except (RuntimeError, ValueError, IndexError) as error:
                raise DataError(f"{place} cannot be read ({error}): copy the folder again") from error


def _notes(manifest: Manifest) -> Iterator[str]:
    if manifest.left_out:
        yield f"{counted(manifest.left_out, 'example')} at fault left out when it was packed"
    if manifest.size:
        yield f"larger pictures were reduced to a shorter side of {manifest.size} when it was packed"


def is_packed(path: Path) -> bool:
    """Tell whether a local folder is one of packed data."""
    return (path / MANIFEST).is_file()


def open_packed(rest: str, needs: str) -> PackedSource:
    """Open `DIR`."""
    if not rest:
        raise UsageError("packed: needs a folder, packed:DIR")
    path = local_path(rest)
    return PackedSource(f"packed:{rest}", rest if path is None else str(path), needs)


def usual_of_packed(rest: str) -> str:
    """Tell what packed data hold; masks where that cannot be read."""
    try:
        return read_manifest(rest if (path := local_path(rest)) is None else str(path)).needs
    except DataError:
        return "mask"
