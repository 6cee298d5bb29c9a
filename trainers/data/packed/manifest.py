"""What a packed folder holds: which files, of which sizes and sums, and where in them each example lies."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...errors import DataError
from ...text import counted, json_text
from ..names import Names, packed
from ..ragged import Ragged
from ..scan.looks import Looks
from .places import read_part, size_of, within

MANIFEST, INDEX = "packed.json", "index.npz"
VERSION = 2
SPLIT = "train"
"""What TFDS calls the one part that a packed folder has."""

FORMATS = ("tfrecord", "array_record")


@dataclass(frozen=True)
class PackedFile:
    """A file of a packed folder: its name, how many examples it holds, its size and its SHA-256."""

    name: str
    examples: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What `packed.json` says.

    Attributes:
        source: what was packed, as a source is written.
        needs: what every example has: mask, labels, boxes or none.
        size: the shorter side to which larger pictures were reduced; None where all have kept their pixels.
        shards: the files of examples, in order.
        index: the file that says where each example lies.
        pictures: how pictures were stored -> how many.
        left_out: how many examples were at fault, and left out.
        ignores: whether 255 in class maps is known to mean ignore.
    """

    source: str
    needs: str
    class_names: tuple[str, ...]
    file_format: str
    size: int | None
    shards: tuple[PackedFile, ...]
    index: PackedFile
    pictures: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0
    ignores: bool = False
    version: int = VERSION

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return sum(shard.examples for shard in self.shards)

    @property
    def digest(self) -> str:
        """SHA-256 of all that is learnt from: equal for equal examples with equal classes."""
        held = [self.needs, list(self.class_names), [shard.sha256 for shard in self.shards]]
        return hashlib.sha256(json.dumps(held).encode()).hexdigest()

    def text(self) -> str:
        """Write it as JSON."""
        return json_text({**asdict(self), "examples": self.examples, "digest": self.digest}, indent=2) + "\n"


def read_manifest(folder: str) -> Manifest:
    """Read and check `packed.json`, and that its files are there in full size; DataError where not."""
    place = within(folder, MANIFEST)
    if size_of(place) is None:
        raise DataError(
            f"{folder} holds no {MANIFEST}, so it is no packed data, or its packing was not finished: make it with "
            "'metricfit data pack SOURCE --to DIR'"
        )
    try:
        said = json.loads(read_part(place).decode())
        shards = tuple(PackedFile(**shard) for shard in said.pop("shards"))
        digest, index = said.pop("digest"), PackedFile(**said.pop("index"))
        examples = said.pop("examples")
        found = Manifest(**{**said, "class_names": tuple(said["class_names"])}, shards=shards, index=index)
        sound = all(map(_is_plain, (*shards, index))) and found.file_format in FORMATS
        sound = sound and found.version == VERSION and (found.digest, found.examples) == (digest, examples)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{place} is damaged, or of another version ({error}): pack the data again") from error
    if not sound:
        raise DataError(f"{place} does not agree with itself, or is of another version: pack the data again")
    for file in (*shards, index):
        size = size_of(within(folder, file.name))
        if size != file.bytes:
            there = "missing" if size is None else f"of {counted(size, 'byte')}"
            raise DataError(
                f"{within(folder, file.name)} is {there}, expected {counted(file.bytes, 'byte')}: copy the folder "
                "again, whole, or pack the data again"
            )
    return found


def _is_plain(file: PackedFile) -> bool:
    """Tell whether a file is named as one of the folder itself, with numbers that are some."""
    numbers = (file.examples, file.bytes)
    texts = isinstance(file.name, str) and isinstance(file.sha256, str)
    return texts and not {"/", "\\", "\0"} & set(file.name) and all(type(one) is int and one >= 0 for one in numbers)


@dataclass(frozen=True, eq=False)
class Index:
    """Where the examples lie, arrays [n]: shard, first byte, bytes, CRC-32 of these; and what is known of each.

    In ArrayRecord files, `starts` are the numbers of the records. `counts` are the boxes of each example, and `seen` is
    what a scan has seen of them as they are packed.
    """

    shards: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    sums: np.ndarray
    counts: np.ndarray
    names: Sequence[str]
    seen: Looks
    ids: Mapping[str, Any] | None = None

    def data(self) -> bytes:
        """Give the bytes of the index file."""
        names = packed(self.names).rows
        file = io.BytesIO()
        np.savez(
            file, shards=self.shards, starts=self.starts, lengths=self.lengths, sums=self.sums, counts=self.counts,
            names=names.values, ends=names.ends, ids=np.frombuffer(json_text(self.ids).encode(), np.uint8),
            allow_pickle=False, **self.seen.arrays(),
        )  # fmt: skip
        return file.getvalue()


def read_index(folder: str, manifest: Manifest) -> Index:
    """Read the index file, which must be the one that the manifest names; DataError where it is not."""
    place = within(folder, manifest.index.name)
    data = read_part(place)
    if hashlib.sha256(data).hexdigest() != manifest.index.sha256:
        raise DataError(f"{place} is not the file that was packed (its SHA-256 differs): copy the folder again")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("shards", "starts", "lengths", "sums", "counts")}
            names, ids = Names.of_rows(Ragged(file["names"], file["ends"])), json.loads(file["ids"].tobytes())
            seen = Looks.of_arrays(file)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{place} is damaged ({error}): pack the data again") from error
    if {len(array) for array in (*arrays.values(), names, seen.told)} != {manifest.examples}:
        raise DataError(f"{place} does not list the {manifest.examples} examples of {MANIFEST}: pack the data again")
    return Index(**arrays, names=names, seen=seen, ids=ids)
