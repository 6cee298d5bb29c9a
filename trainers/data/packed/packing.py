"""Packing a source: a folder of few large files, there whole or not at all."""

import hashlib
import math
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError, MetricfitError, UsageError, first_line
from ...files import digest, folder_beside
from ...machine import workers
from ...progress import progress
from ...text import repeated
from ..example import Example, Source
from ..images import resize_image, resize_mask
from ..large.turns import TURNS
from ..scan.looks import Looking
from ..scan.scanner import Look, load_checked, look_at
from .manifest import INDEX, MANIFEST, SPLIT, Index, Manifest, PackedFile
from .pictures import AS_PIXELS, stored
from .places import local_path, size_of, within
from .records import features, to_record

_AT_ONCE = 64
_HEADER, _FOOTER = 12, 4  # of TFRecord: length and its sum before each record, the record's sum behind it


@dataclass(frozen=True)
class Packed:
    """What was made: the source that opens it, and its manifest."""

    source: str
    manifest: Manifest


def pack(
    source: Source,
    to: str,
    *,
    needs: str,
    shards: int = 1,
    size: int | None = None,
    file_format: str = "tfrecord",
    left_out: int = 0,
    quiet: bool = False,
) -> Packed:
    """Pack the examples of a checked source, in their order, into a folder that TFDS read, too.

    Args:
        to: a folder that does not exist yet, anywhere `tf.io.gfile` reaches.
        needs: mask, labels, boxes or none: what is kept of each example beside its picture.
        shards: files of about equal numbers of examples.
        size: reduce pictures, with their masks and boxes, whose shorter side is longer, to this one.
        file_format: tfrecord, or array_record, which is for local folders.
        left_out: how many examples of the source were at fault, to be written down.

    Raises:
        UsageError: there is something at `to`, or more files than examples.
        DataError: an example cannot be loaded, or names are not unique.
    """
    if not 1 <= shards <= max(1, len(source)):
        raise UsageError(f"--shards must be from 1 to the number of examples, {len(source)}; got {shards}")
    if not len(source):
        raise DataError(f"{source.name} has no example to pack: choose another source")
    if twice := repeated(source.names)[:3]:
        raise DataError(f"{source.name} has several examples of the name {', '.join(twice)}: rename them")
    refuse_existing(to)
    with _folder(to, file_format) as folder:
        writer = _Writer(folder, source, needs, shards, file_format)
        with ThreadPoolExecutor(workers()) as pool:
            one = _Packing(source, needs, size)
            bar = progress(total=len(source), desc=f"pack {to}", unit="image", quiet=quiet, delay=0.5, leave=False)
            with bar:
                for start in range(0, len(source), _AT_ONCE):
                    indices = range(start, min(start + _AT_ONCE, len(source)))
                    for made in pool.map(one.record, indices):
                        writer.add(made)
                        bar.update()
        manifest = writer.finish(size=size, left_out=left_out)
    return Packed(f"packed:{to}", manifest)


def refuse_existing(to: str) -> None:
    """Refuse a folder that is there already: nothing is written over or among other files."""
    import tensorflow as tf

    path = local_path(to)
    try:
        there = path.exists() if path else bool(tf.io.gfile.exists(to) and tf.io.gfile.listdir(to))
    except tf.errors.OpError as error:
        raise UsageError(f"--to {to} cannot be reached ({first_line(error)}): check the address") from error
    if there:
        raise UsageError(f"{to} exists already: remove it, or give another --to")


@contextmanager
def _folder(to: str, file_format: str) -> Iterator[Path]:
    """Give a local folder that becomes the one asked for; elsewhere, what says that it is whole is written last."""
    import tensorflow as tf

    if (path := local_path(to)) is not None:
        with folder_beside(path) as folder:
            yield folder
        return
    if file_format != "tfrecord":
        raise UsageError(f"array_record files are read on this machine alone, and {to} is elsewhere: pack as tfrecord")
    with tempfile.TemporaryDirectory(prefix="metricfit-pack-") as staged:
        yield Path(staged)
        files = sorted(file.name for file in Path(staged).iterdir())
        try:
            tf.io.gfile.makedirs(to)
            for name in sorted(files, key=lambda name: name == MANIFEST):
                tf.io.gfile.copy(str(Path(staged, name)), within(to, name))
                if size_of(within(to, name)) != Path(staged, name).stat().st_size:
                    raise MetricfitError(f"{within(to, name)} did not arrive whole: pack the data again")
        except BaseException as error:
            with suppress(tf.errors.OpError):
                tf.io.gfile.rmtree(to)
            if isinstance(error, tf.errors.OpError):
                raise MetricfitError(f"cannot write {to} ({first_line(error)}): check the address") from error
            raise


class _Made(NamedTuple):
    """An example's record, how its picture was stored, the number of its boxes, and what was seen of it."""

    record: bytes
    how: str
    boxes: int
    look: Look


class _Packing:
    """Makes records of examples, in several threads."""

    def __init__(self, source: Source, needs: str, size: int | None):
        self._source, self._needs, self._size = source, needs, size
        self._features = features(needs, tuple(source.class_names), bool(size))

    def record(self, index: int) -> _Made:
        """Make the record of an example, which is looked at as it is packed; DataError where it cannot be used."""
        import tensorflow as tf

        with TURNS.taken():
            example = replace(load_checked(self._source, index, self._needs), name=self._source.names[index])
        file = self._source.picture_file(index)
        boxes = 0 if example.boxes is None else len(example.boxes)
        if self._size:
            example = reduced_to(example, self._size)
            made, how = to_record(example, None, 1, self._needs), AS_PIXELS
        else:
            encoded, orientation, how = stored(example.image, file)
            made = to_record(example, encoded, orientation, self._needs)
        # Again, since the order of its parts is left to chance, and equal examples are to have equal sums.
        record = tf.train.Example.FromString(self._features.serialize_example(made))
        look = look_at(example, self._source.class_names, file)
        return _Made(record.SerializeToString(deterministic=True), how, boxes, look)


def reduced_to(example: Example, side: int) -> Example:
    """Reduce a picture, and what is known of it, to a shorter side of so many pixels at most."""
    factor = side / min(example.image.shape[:2])
    if factor >= 1:
        return example
    height, width = (max(1, math.floor(one * factor + 0.5)) for one in example.image.shape[:2])
    scale = np.array([width / example.size[1], height / example.size[0]] * 2)
    mask, labels = (
        None if values is None else resize_mask(values, (height, width)) for values in (example.mask, example.labels)
    )
    return replace(
        example,
        mask=mask,
        labels=labels,
        image=resize_image(example.image, (height, width)),
        boxes=None if example.boxes is None else (example.boxes * scale).astype(np.float32),
        areas=None if example.areas is None else (example.areas * scale[0] * scale[1]).astype(np.float32),
        own_size=None,
    )


class _Writer:
    """Writes records into shards one after the other, and beside them what finds each again."""

    def __init__(self, folder: Path, source: Source, needs: str, shards: int, file_format: str):
        self._folder, self._source, self._needs, self._format = folder, source, needs, file_format
        self._ends = np.cumsum([len(part) for part in np.array_split(np.arange(len(source)), shards)]).tolist()
        self._lengths: list[int] = []
        self._starts: list[int] = []
        self._sums: list[int] = []
        self._shards: list[int] = []
        self._counts: list[int] = []
        self._files: list[PackedFile] = []
        self._pictures: Counter[str] = Counter()
        self._looking = Looking(len(source))
        self._open: Any = None
        self._place = 0

    def add(self, made: _Made) -> None:
        """Write the next record; a shard that is full is closed."""
        record = made.record
        if self._open is None:
            self._open, self._place = self._new(), 0
        self._open.write(record)
        within_shard = len(self._starts) - (self._ends[len(self._files) - 1] if self._files else 0)
        self._starts.append(self._place if self._format == "tfrecord" else within_shard)
        self._place += _HEADER + len(record) + _FOOTER
        self._lengths.append(len(record))
        self._sums.append(zlib.crc32(record))
        self._shards.append(len(self._files))
        self._looking.add(len(self._counts), *made.look)
        self._counts.append(made.boxes)
        self._pictures[made.how] += 1
        if len(self._starts) == self._ends[len(self._files)]:
            self._close()

    def finish(self, **about: Any) -> Manifest:
        """Write what TFDS and this program read of the shards."""
        self._describe(bool(about["size"]))
        ids = self._source.ids
        written = None if ids is None else {"pictures": dict(ids.pictures), "classes": dict(ids.classes)}
        index = Index(
            np.array(self._shards, np.int32), np.array(self._starts, np.int64), np.array(self._lengths, np.int64),
            np.array(self._sums, np.uint32), np.array(self._counts, np.int32), self._source.names,
            self._looking.looks(), written,
        ).data()  # fmt: skip
        (self._folder / INDEX).write_bytes(index)
        manifest = Manifest(
            source=self._source.name,
            needs=self._needs,
            class_names=tuple(self._source.class_names),
            file_format=self._format,
            shards=tuple(self._files),
            index=PackedFile(INDEX, len(self._starts), len(index), hashlib.sha256(index).hexdigest()),
            pictures=dict(self._pictures),
            ignores=True,
            **about,
        )
        (self._folder / MANIFEST).write_text(manifest.text(), encoding="utf-8")
        return manifest

    def _name(self) -> str:
        return f"packed-{SPLIT}.{self._format}-{len(self._files):05d}-of-{len(self._ends):05d}"

    def _new(self) -> Any:
        path = str(self._folder / self._name())
        if self._format == "tfrecord":
            import tensorflow as tf

            return tf.io.TFRecordWriter(path)
        from array_record.python.array_record_module import ArrayRecordWriter

        return ArrayRecordWriter(path, "group_size:1")

    def _close(self) -> None:
        self._open.close()
        self._open = None
        path = self._folder / self._name()
        before = self._ends[len(self._files) - 1] if self._files else 0
        self._files.append(PackedFile(path.name, len(self._starts) - before, *digest(path)))

    def _describe(self, reduced: bool) -> None:
        import tensorflow_datasets as tfds

        lengths: Sequence[int] = [file.examples for file in self._files]
        split = tfds.core.SplitInfo(
            name=SPLIT, shard_lengths=list(lengths), num_bytes=sum(self._lengths), filename_template=None
        )
        tfds.folder_dataset.write_metadata(
            data_dir=self._folder,
            features=features(self._needs, tuple(self._source.class_names), reduced),
            split_infos=[split],
            version="1.0.0",
            check_data=False,
            description=f"{self._source.name}, packed by metricfit. Pictures, masks and boxes are as they are stored; "
            "orientation (EXIF's) says how to turn them upright.",
        )
