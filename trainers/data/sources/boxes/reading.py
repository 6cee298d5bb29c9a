"""Many annotation files read, and kept for the next time: of these only the ones that have changed are read again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic, time_ns

import numpy as np

from ....errors import DataError
from ....progress import progress
from ... import kept_arrays
from ...kept_arrays import keep, place_of, ragged_arrays, ragged_of, read_kept
from ...names import Names
from ...paths import Paths
from ...ragged import Ragged
from ...scan.description import described
from ...scan.stamps import stamps_of_files
from .annotation import Annotation, Annotations


def read_all(
    files: Paths, read: Callable[[Path], Annotation], name: str, kind: str, reading: object = None
) -> Annotations:
    """Read annotation files of a kind; within `kept_arrays.keeping` those alone that have changed since the last time.

    `reading` is what decides, besides a file itself, what is read in it; see `scan.description`.
    """
    since, begun = time_ns(), monotonic()
    place = place_of(name, described(["annotations", kind, reading])) if len(files) else None
    stamps = stamps_of_files(files, name) if place else None
    arrays = read_kept(place) if place else None
    kept, known, rows = None, np.zeros(0, np.int64), np.zeros(0, np.int64)
    if stamps is not None and arrays is not None:
        kept = _of_arrays(arrays)
        assert isinstance(kept.files, Names)
        known, rows = stamps.same(Names(files.texts()), kept.files, arrays["marks"], since)
    others = np.setdiff1d(np.arange(len(files)), known, assume_unique=True)
    missing = files.take(others)
    shown = progress(missing, total=len(missing), desc=f"read {name}", unit="file", delay=2, leave=False)
    found = Annotations.of(missing, (_read(read, path) for path in shown))
    if kept is not None and len(known):
        kept = replace(kept.take(rows), files=files.take(known))
        found = Annotations.joined(kept, found).take(np.argsort(np.concatenate([known, others]), kind="stable"))
    if place and stamps is not None and len(others) and monotonic() - begun > kept_arrays.WORTH:
        settled = stamps.settled(since)
        settled[[*found.errors, *found.odd_sizes]] = False
        chosen = np.flatnonzero(settled)
        keep(place, _arrays(found.take(chosen), stamps.marks[chosen]))
    return found


def _read(read: Callable[[Path], Annotation], path: Path) -> Annotation | DataError:
    try:
        return read(path)
    except DataError as error:
        return error


def _arrays(said: Annotations, marks: np.ndarray) -> dict[str, np.ndarray]:
    about = {"class_names": said.class_names, "mended": said.mended}
    return {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8), "marks": marks,
        **ragged_arrays("files", Names(map(str, said.files)).rows),
        **ragged_arrays("classes", said.classes), "boxes": said.boxes.values, "difficult": said.difficult.values,
        "sizes": said.sizes, "shares": said.shares, "repairs": said.repairs,
        **ragged_arrays("pictures", said.pictures.rows),
    }  # fmt: skip


def _of_arrays(arrays: Mapping[str, np.ndarray]) -> Annotations:
    """Read what `_arrays` has written; the files are texts."""
    about = json.loads(arrays["about"].tobytes())
    classes = ragged_of(arrays, "classes", np.int32)
    return Annotations(
        Names.of_rows(ragged_of(arrays, "files", np.uint8)), tuple(about["class_names"]), classes,
        Ragged(arrays["boxes"], classes.ends), Ragged(arrays["difficult"], classes.ends), arrays["sizes"],
        arrays["shares"], arrays["repairs"], tuple(map(tuple, about["mended"])),
        Names.of_rows(ragged_of(arrays, "pictures", np.uint8)),
    )  # fmt: skip
