"""By what files are known again: their paths, sizes and times, brought to two numbers for each example."""

import functools
import os
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...progress import progress
from .. import kept_arrays
from ..example import Source
from ..names import Names
from ..paths import Paths

_AT_ONCE = 2000
_SLOW = 5e-5
"""Seconds for a file's facts, from which on many are asked for at once: over a network, or from a cold disk. Where they
are had at once, threads would wait for each other's turns with Python instead."""
_THREADS = 16
_SALTS = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03], np.uint64)


@dataclass(frozen=True, eq=False)
class Stamps:
    """What the files of examples look like from outside.

    Attributes:
        marks: uint64 [n, 2], from the paths, sizes and times of all files of each example; other files, other marks.
        newest: int64 [n], the latest time in nanoseconds at which one of them, or its folder entry, was changed; the
            end of time for examples whose files are not known.
    """

    marks: np.ndarray
    newest: np.ndarray

    def settled(self, since: int) -> np.ndarray:
        """Tell which examples, bool [n], were surely not changed after the time `since`, and shortly before it."""
        return np.asarray(self.newest < since - kept_arrays.MARGIN)

    def same(self, own: Names, names: Names, marks: np.ndarray, since: int) -> tuple[np.ndarray, np.ndarray]:
        """Tell which of these examples, whose names are their `own`, look as they did when others were kept.

        Of these there are the `names` and the `marks` [m, 2]. Gives numbers of examples, int [k], and of what is kept.
        """
        if own == names:
            rows = np.arange(len(own))
        else:
            row_of = {name: row for row, name in enumerate(names)}
            rows = np.fromiter((row_of.get(name, -1) for name in own), np.int64, len(own))
        same = (rows >= 0) & self.settled(since)
        same[same] = (marks[rows[same]] == self.marks[same]).all(axis=1)
        return np.flatnonzero(same), rows[same]


def stamps_of(source: Source, *, quiet: bool = False) -> Stamps:
    """Look at the files of all examples of a source, without opening them."""
    return _stamps(source.files_of, len(source), source.name, quiet)


def stamps_of_files(files: Paths, name: str) -> Stamps:
    """Look at files, each of which is all there is of its example."""
    return _stamps(lambda indices: zip(files.take(indices).texts()), len(files), name, False)


_FilesOf = Callable[[np.ndarray], Iterable[Sequence[str]]]


def _stamps(files_of: _FilesOf, count: int, name: str, quiet: bool) -> Stamps:
    chunks = np.split(np.arange(count), range(_AT_ONCE, count, _AT_ONCE))
    shown: dict[str, Any] = {"desc": f"look for changes in {name}", "total": count, "unit": "image"}
    with ThreadPoolExecutor(_THREADS) as pool, progress(quiet=quiet, delay=2, leave=False, **shown) as bar:
        begun = time.perf_counter()
        parts = [_looked_at(files_of, chunks[0])]
        slow = time.perf_counter() - begun > _SLOW * len(chunks[0])
        bar.update(len(chunks[0]))
        at_once = pool.map if slow else map
        for part in at_once(functools.partial(_looked_at, files_of), chunks[1:]):
            parts.append(part)
            bar.update(len(part[0]))
    return Stamps(*map(np.concatenate, zip(*parts)))


def _looked_at(files_of: _FilesOf, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # A relative path is another one in another folder.
    here = zlib.crc32(os.fsencode(os.getcwd()))
    numbers: list[int] = []
    lengths: list[int] = []
    for files in files_of(indices):
        for file in files:
            name = os.fsencode(file)
            numbers.append(zlib.crc32(name, 0 if name[:1] == b"/" or os.path.isabs(name) else here))
            try:
                found = os.stat(name)
                numbers += (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            except OSError:
                numbers += (-1, -1, np.iinfo(np.int64).max)
        lengths.append(len(files))
    table = np.array(numbers, np.int64).reshape(-1, 4)
    count = np.array(lengths, np.int64)
    ends = np.cumsum(count)
    newest = np.full(len(count), np.iinfo(np.int64).max)
    there = count > 0
    newest[there] = np.maximum.reduceat(table[:, 2:].max(axis=1), (ends - count)[there]) if there.any() else 0
    return _marks(table, ends - count, ends), newest


def _marks(table: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Bring the rows int64 [m, 4] of each example's files, from start to end, to two numbers: uint64 [n, 2]."""
    places = np.arange(len(table)) - np.repeat(starts, ends - starts)
    found = np.empty((len(ends), 2), np.uint64)
    for number, salt in enumerate(_SALTS):
        mixed = _mixed(places.astype(np.uint64) + salt)
        for column in table.T:
            mixed = _mixed(mixed ^ column.astype(np.uint64))
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
        found[:, number] = sums[ends] - sums[starts]
    return found


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spread each number over all of its bits (Steele et al., SplitMix, OOPSLA 2014, figure 15)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))
