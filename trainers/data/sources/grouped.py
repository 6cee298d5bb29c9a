"""Files by what pairs share of their names."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from pathlib import Path

import numpy as np

from ...text import composed
from ..names import Names, packed
from ..paths import Paths
from .layouts.names import PLAIN, Affixes


class Grouped(Mapping[str, Sequence[Path]]):
    """The files of each key, keys and files in the order of their first appearance.

    It is for the time of opening: to find a key takes a dict of all of them, which is made when one is looked for.

    Attributes:
        names: the keys.
        paths: all files, those of one key beside each other.
        ends: int64 [n], where the files of each key end among them.
    """

    def __init__(self, paths: Paths, keys: Iterable[str]):
        keys = packed(keys if isinstance(keys, Names) else list(keys))
        if len(set(keys)) == len(keys):  # nearly always a key has one file
            self.names, self.paths, self.ends = keys, paths, np.arange(1, len(keys) + 1)
        else:
            self.names = Names(dict.fromkeys(keys))
            groups = self.numbers_of(keys, len(keys))
            self.paths = paths.take(np.argsort(groups, kind="stable"))
            self.ends = np.cumsum(np.bincount(groups, minlength=len(self.names)))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self.names)}

    @classmethod
    def of(cls, found: Mapping[str, Sequence[Path]]) -> "Grouped":
        """Take the files of each key, unless that was done already."""
        if isinstance(found, cls):
            return found
        return cls(
            Paths.of(path for paths in found.values() for path in paths),
            (key for key, paths in found.items() for _ in paths),
        )

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def __getitem__(self, key: str) -> Paths:
        return self.paths[slice(*self.place(self._numbers[key]))]

    def keys(self) -> Set[str]:  # type: ignore[override]
        """Give the keys."""
        return self._numbers.keys()

    def place(self, number: int) -> tuple[int, int]:
        """Give where the files of the key of a number begin and end."""
        return int(self.ends[number - 1]) if number else 0, int(self.ends[number])

    def numbers_of(self, keys: Iterable[str], count: int) -> np.ndarray:
        """Give the numbers of so many keys, int64 [count], -1 where there is no such key."""
        if isinstance(keys, Names) and keys == self.names:
            return np.arange(count)
        return np.fromiter(map(self._numbers.get, keys, itertools.repeat(-1)), np.int64, count)


def by_stem(paths: Sequence[Path], affixes: Affixes = PLAIN[0]) -> Grouped:
    """Group files by their stems, without what surrounds these."""
    files = Paths.of(paths)
    if affixes == PLAIN[0] and (packed_stems := files.names.stems()) is not None:
        return Grouped(files, packed_stems)
    stems = map(composed, files.stems())
    return Grouped(files, stems if affixes == PLAIN[0] else map(affixes.key, stems))
