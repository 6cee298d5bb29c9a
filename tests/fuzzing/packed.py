"""Packed data: the files of records, what says where they lie, and what TensorFlow Datasets read of them."""

import functools
import tempfile
from pathlib import Path

from .base import Format
from .data import scanned

SHARD, MANIFEST, INDEX = "packed-train.tfrecord-00000-of-00001", "packed.json", "index.npz"


@functools.cache
def files() -> dict[str, bytes]:
    """Pack two scenes with their boxes; gives the files of the folder."""
    from metricfit.trainers.data.packed.packing import pack
    from metricfit.trainers.data.sources.scenes import Scenes
    from metricfit.trainers.data.subset import Subset

    with tempfile.TemporaryDirectory() as folder:
        pack(Subset(Scenes("val"), [0, 1]), f"{folder}/out", needs="boxes", quiet=True)
        return {path.name: path.read_bytes() for path in Path(folder, "out").iterdir()}


def _read_packed(folder: Path) -> None:
    from metricfit.trainers.data.scan.scanner import scan
    from metricfit.trainers.data.sources import open_source

    scanned(f"packed:{folder}", "boxes")
    # As `data check` does, which looks at all there is.
    scan(open_source(f"packed:{folder}", needs="boxes"), quiet=True).raise_if_any()


def packed() -> tuple[Format, ...]:
    """The files of a packed folder: three by this program's own reader, three by what TFDS say of them."""
    whole = files()
    own = [Format(f"packed {name}", name, (whole[name],), _read_packed, whole) for name in (SHARD, MANIFEST, INDEX)]
    foreign = [
        Format(f"tfds {name}", name, (whole[name],), lambda folder: scanned(f"tfds:{folder}:train", "boxes"), whole)
        for name in (SHARD, "dataset_info.json", "features.json")
    ]
    return (*own, *foreign)
