"""What a scan has seen of many examples, in arrays: a row an example, whatever is known of it."""

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..kept_arrays import ragged_arrays, ragged_of
from ..ragged import Ragged


class Told(NamedTuple):
    """What is said of one example, a few words each: its repairs, what was done to it, what is odd about it."""

    repairs: tuple[str, ...] = ()
    adapted: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Looks:
    """What was seen of the examples of a source, of which some may not have been looked at.

    Attributes:
        told: int32 [n], an index into `texts`, or -1 where an example is at fault or was not looked at.
        texts: what is said of examples; of most of them the same.
        facts: kind of target -> `Facts.row` of each example, an empty row where there is none.
        faults: the sentence of each example at fault.
    """

    told: np.ndarray
    texts: list[Told]
    facts: dict[str, Ragged]
    faults: dict[int, str]

    @classmethod
    def none(cls, count: int) -> "Looks":
        """Give what is known of examples of which none was looked at."""
        return cls(np.full(count, -1, np.int32), [], {}, {})

    def groups(self) -> Iterator[tuple[Told, np.ndarray]]:
        """Give what is said with the examples int64 [k], in their order, of which it is said; the earliest first."""
        order = np.argsort(self.told, kind="stable")
        ends = np.searchsorted(self.told[order], np.arange(len(self.texts) + 1))
        found = [(text, order[start:end]) for text, start, end in zip(self.texts, ends, ends[1:]) if start < end]
        yield from sorted(found, key=lambda group: int(group[1][0]))

    def take(self, indices: np.ndarray) -> "Looks":
        """Give what is known of some examples, int [k], none of them at fault."""
        facts = {kind: rows.take(indices) for kind, rows in self.facts.items()}
        return Looks(self.told[indices], self.texts, facts, {})

    def spread(self, places: np.ndarray, count: int) -> "Looks":
        """Give the same of examples that stand at `places` int [k], in any order, among `count`."""
        told, facts = np.full(count, -1, np.int32), {}
        told[places] = self.told
        back = np.full(count, len(places))
        back[places] = np.arange(len(places))
        for kind, rows in self.facts.items():
            facts[kind] = Ragged.joined([rows, _empty(1)]).take(back)
        return Looks(told, self.texts, facts, {places[index]: text for index, text in self.faults.items()})

    def under(self, other: "Looks") -> "Looks":
        """Give what both know of the same examples; where both know something, the other's."""
        count, over = len(self.told), other.told >= 0
        numbers = {text: number for number, text in enumerate(dict.fromkeys([*self.texts, *other.texts]))}
        told = np.full(count, -1, np.int32)
        for one, there in ((self, self.told >= 0), (other, over)):
            table = np.array([numbers[text] for text in one.texts], np.int32)
            told[there] = table[one.told[there]] if len(table) else -1
        facts = {}
        for kind in dict.fromkeys([*self.facts, *other.facts]):
            both = Ragged.joined([one.facts.get(kind, _empty(count)) for one in (self, other)])
            facts[kind] = both.take(np.where(over, count, 0) + np.arange(count))
        return Looks(told, list(numbers), facts, self.faults | other.faults)

    def arrays(self) -> dict[str, np.ndarray]:
        """Write all but the faults as arrays of a file."""
        about = {"texts": self.texts, "facts": list(self.facts)}
        arrays = {"looks": np.frombuffer(json.dumps(about).encode(), np.uint8), "told": self.told}
        for number, rows in enumerate(self.facts.values()):
            arrays |= ragged_arrays(f"facts {number}", rows)
        return arrays

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Looks":
        """Read what `arrays` has written."""
        about = json.loads(arrays["looks"].tobytes())
        texts = [Told(*map(tuple, text)) for text in about["texts"]]
        facts = {kind: ragged_of(arrays, f"facts {number}", np.int64) for number, kind in enumerate(about["facts"])}
        return cls(arrays["told"], texts, facts, {})


def _empty(count: int) -> Ragged:
    return Ragged(np.zeros(0, np.int64), np.zeros(count, np.int64))


class Looking:
    """Takes in what is seen of `count` examples, one after the other in their order; some may be left out."""

    def __init__(self, count: int):
        self._count, self._numbers, self._faults = count, dict[Told, int](), dict[int, str]()
        self._indices, self._told = array("q"), array("i")
        # For each kind of target the examples that have it, the lengths of their rows, and the rows.
        self._facts: dict[str, tuple[array[int], array[int], array[int]]] = {}

    def fault(self, index: int, sentence: str) -> None:
        """Take in an example that cannot be used."""
        self._faults[index] = sentence

    def add(self, index: int, told: Told, facts: dict[str, tuple[int, ...]]) -> None:
        """Take in one that can."""
        self._indices.append(index)
        self._told.append(self._numbers.setdefault(told, len(self._numbers)))
        for kind, row in facts.items():
            indices, lengths, values = self._facts.setdefault(kind, (array("q"), array("q"), array("q")))
            indices.append(index)
            lengths.append(len(row))
            values.extend(row)

    def looks(self) -> Looks:
        """Give all that was taken in so far."""
        told, facts = np.full(self._count, -1, np.int32), {}
        told[np.array(self._indices, np.int64)] = np.array(self._told, np.int32)
        for kind, (indices, lengths, values) in self._facts.items():
            there = np.zeros(self._count, np.int64)
            there[np.array(indices, np.int64)] = np.array(lengths, np.int64)
            facts[kind] = Ragged(np.array(values, np.int64), np.cumsum(there))
        return Looks(told, list(self._numbers), facts, dict(self._faults))
