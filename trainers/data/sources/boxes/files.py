"""Files by the names that partners share, with or without the right case of letters."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from ....errors import DataError
from ....text import composed, folded
from ...names import Names
from ...paths import Paths
from ..grouped import Grouped


class Files:
    """Files by stem, composed (NFC), or by what stands before it for a folder; it is for the time of opening.

    Attributes:
        paths: the files, in the order given.
        keys: what each is called.
        stems: the different keys, sorted.
    """

    def __init__(self, paths: Iterable[Path], contexts: Mapping[str, tuple[str, ...]] | None = None):
        self.paths = Paths.of(paths)
        stems: Iterable[str] = map(composed, self.paths.stems())
        if contexts is not None:
            before = ["".join(f"{part}/" for part in contexts.get(str(Path(one)), ())) for one in self.paths.folders]
            if any(before):
                stems = (before[folder] + stem for folder, stem in zip(self.paths.where.tolist(), stems))
        self.keys = Names(stems)
        self._places: dict[str, int] = {}
        self._several: dict[str, list[int]] = {}
        for place, key in enumerate(self.keys):
            first = self._places.setdefault(key, place)
            if first != place:
                self._several.setdefault(key, [first]).append(place)
        self.stems = sorted(self._places)

    @cached_property
    def alike(self) -> dict[str, list[str]]:
        """The keys that differ in the case of letters alone, by how they are written without it."""
        found: dict[str, list[str]] = {}
        for stem in self.stems:
            found.setdefault(folded(stem), []).append(stem)
        return found

    def shares_with(self, others: "Files") -> bool:
        """Tell whether there is a key that both have, in whatever case of letters."""
        if not self._places.keys().isdisjoint(others._places):
            return True
        return bool(self._places and others._places) and not self.alike.keys().isdisjoint(others.alike)

    def stem_of(self, name: str, partners: "Files | None" = None) -> str | None:
        """Give the only stem that a name, one of `partners`, means: itself, or the same but for the case of letters."""
        name = composed(name)
        if name in self._places:
            return name
        alike, rivals = self.alike.get(folded(name), []), []
        if alike and partners is not None:
            rivals = [one for one in partners.alike.get(folded(name), []) if one not in self._places and one != name]
            alike = [one for one in alike if one not in partners._places]
        return alike[0] if len(alike) == 1 and not rivals else None

    def place(self, stem: str) -> int:
        """Give the number of the file of one of `stems`; DataError where there are several."""
        if found := self._several.get(stem):
            first, *others = (self.paths[place] for place in found)
            named = " and ".join(path.name for path in others)
            raise DataError(f"{first} and {named} share the name {stem}: keep one, and remove or rename the rest")
        return self._places[stem]

    def file(self, stem: str) -> Path:
        """Give the file of one of `stems`; DataError where there are several."""
        return self.paths[self.place(stem)]

    def grouped(self, stems: Iterable[str]) -> Grouped:
        """Give the files of some of the stems, in the order of these."""
        found = [(stem, place) for stem in stems for place in self._several.get(stem, [self._places[stem]])]
        places = np.array([place for _, place in found], np.int64)
        return Grouped(self.paths.take(places), (stem for stem, _ in found))
