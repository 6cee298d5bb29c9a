"""Several sources as one: what is trained on may lie in several places."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import UsageError
from ..classes import with_class_names
from ..example import SEPARATOR, Example, Recorded, Source
from ..names import Names
from ..scan.looks import Looks


class JoinedSource(Source):
    """The examples of several sources, one source after the other; what a source says has its name before it."""

    def __init__(self, sources: Sequence[Source], class_names: Sequence[str], renumber: bool = False):
        self.class_names = tuple(class_names)
        self._parts = [with_class_names(source, class_names) for source in sources] if renumber else list(sources)
        self.name = SEPARATOR.join(source.name for source in sources)
        self.names = Names(f"{source.name}/{name}" for source in sources for name in source.names)
        self._ends = np.cumsum([len(source) for source in sources])
        self.structural_faults = tuple(
            (f"{source.name}/{name}", sentence) for source in sources for name, sentence in source.structural_faults
        )
        self.ignores = all(source.ignores for source in sources)
        self.digest = SEPARATOR.join(filter(None, (source.digest for source in sources)))
        self.notes = tuple(f"{source.name}: {note}" for source in sources for note in source.notes)
        self.recognised = tuple(line for source in sources for line in source.recognised)
        counts = [source.box_counts for source in self._parts]
        known = [np.asarray(each, np.int64) for each in counts if each is not None]
        if len(known) == len(counts):
            self.box_counts = np.concatenate(known)
        bounds = [_bound(source) for source in self._parts]
        self.box_bound = None if None in bounds else max(bound for bound in bounds if bound is not None)
        self.repaired = dict(sum((Counter(source.repaired) for source in sources), Counter()))
        self.since = min(source.since for source in sources)

    def __len__(self) -> int:
        return len(self.names)

    def own_names(self) -> Names:
        """Give the names that the sources have for their own examples."""
        return Names(name for source in self._parts for name in source.own_names())

    def partner_name(self, index: int) -> str:
        """As its source has it; an example without such a file has its name here."""
        source, within = self._find(index)
        name = source.partner_name(within)
        return self.names[index] if name == source.names[within] else name

    def picture_file(self, index: int) -> Path | None:
        """As its source has it."""
        source, within = self._find(index)
        return source.picture_file(within)

    def record(self, index: int) -> tuple[Recorded, int] | None:
        """As its source has it."""
        source, within = self._find(index)
        return source.record(within)

    def doubts(self) -> list[str]:
        """As the sources have them."""
        return [doubt for source in self._parts for doubt in source.doubts()]

    def seen(self) -> Looks | None:
        """As the sources have it, where all do."""
        seen = [source.seen() for source in self._parts]
        found, start = Looks.none(len(self)), 0
        for one in seen:
            if one is None:
                return None
            found = found.under(one.spread(start + np.arange(len(one.told)), len(self)))
            start += len(one.told)
        return found

    def reading(self) -> object:
        """As all of the sources have it, where they do."""
        readings = [source.reading() for source in self._parts]
        return None if None in readings else ("joined", self.name, readings)

    def files_of(self, indices: np.ndarray) -> Iterable[Sequence[str]]:
        """As the sources have them."""
        parts = np.searchsorted(self._ends, indices, side="right")
        for run in np.split(np.arange(len(indices)), np.flatnonzero(np.diff(parts)) + 1) if len(indices) else ():
            source = self._parts[part := int(parts[run[0]])]
            yield from source.files_of(indices[run] - (self._ends[part] - len(source)))

    def files_of_all(self) -> Sequence[str]:
        """As the sources have them."""
        return [file for source in self._parts for file in source.files_of_all()]

    def learnt(self) -> Mapping[str, np.ndarray]:
        """As the sources have it, with zeros where one of them has nothing of the kind."""
        found: dict[str, np.ndarray] = {}
        for part, source in enumerate(self._parts):
            for name, values in source.learnt().items():
                whole = found.setdefault(name, np.zeros((len(self), *values.shape[1:]), values.dtype))
                whole[self._ends[part] - len(source) : self._ends[part]] = values
        return found

    def recall(self, indices: np.ndarray, learnt: Mapping[str, np.ndarray]) -> None:
        """As the sources do."""
        for part, source in enumerate(self._parts):
            within = indices - (self._ends[part] - len(source))
            own = (within >= 0) & (within < len(source))
            known = {name: learnt[name][own] for name in source.learnt() if name in learnt}
            if own.any() and known:
                source.recall(within[own], known)

    def load(self, index: int) -> Example:
        """See `Source`."""
        index = range(len(self))[index]
        source, within = self._find(index)
        return replace(source.load(within), name=self.names[index])

    def _find(self, index: int) -> tuple[Source, int]:
        part = int(np.searchsorted(self._ends, index, side="right"))
        return self._parts[part], int(index - self._ends[part] + len(self._parts[part]))


def _bound(source: Source) -> int | None:
    """Give the most boxes that any example can have, where that or the counts are known."""
    if source.box_bound is None and source.box_counts is not None:
        return int(np.max(source.box_counts, initial=0))
    return source.box_bound


def _place(source: Source) -> tuple[str, str]:
    """Write a source so that `folder:photos`, `folder:./photos` and `folder:photos/` are the same."""
    kind, _, rest = source.name.partition(":")
    return kind, os.path.realpath(os.path.expanduser(rest))


def join_sources(sources: Sequence[Source], needs: str) -> JoinedSource:
    """Put sources one after the other; boxes of classes of the same name become one class."""
    places = [_place(source) for source in sources]
    twice = [source.name for index, source in enumerate(sources) if places[index] in places[:index]]
    if twice:
        raise UsageError(f"{twice[0]} is named twice: name each source once")
    class_names = sources[0].class_names
    if needs == "boxes":
        class_names = tuple(dict.fromkeys(name for source in sources for name in source.class_names))
        return JoinedSource(sources, class_names, renumber=True)
    if needs == "labels":
        others = [source for source in sources if tuple(source.class_names) != tuple(class_names)]
        if others:
            raise UsageError(
                f"{sources[0].name} has the classes {', '.join(class_names) or 'without names'}, {others[0].name} "
                f"{', '.join(others[0].class_names) or 'without names'}: class maps are joined by their values, so "
                "give all the same classes.txt"
            )
    return JoinedSource(sources, class_names)
