"""What judging a part of a data set gives: merged with others in any order, and as bytes between processes."""

import pickle
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from ...trainers.data.example import Example, Source
from ...trainers.data.scan.faults import Faults
from ...trainers.errors import MetricfitError
from ...trainers.judge.base import Judge

FORMAT = 1
_NAMED = 20  # examples that are named of those to which the same happened


@dataclass
class Noted:
    """How often something was done to an example, and the first places of such."""

    times: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, times: int, places: Iterable[int]) -> None:
        """Take in further ones."""
        self.times += times
        self.first = sorted([*self.first, *places])[:_NAMED]


@dataclass
class Costs:
    """Seconds of a processor, by stage: loading, the model, judging, and the rest (resizing, handing on)."""

    load: float = 0.0
    model: float = 0.0
    judge: float = 0.0
    rest: float = 0.0

    def add(self, other: Self) -> None:
        """Add those of another part."""
        for name, seconds in vars(other).items():
            setattr(self, name, getattr(self, name) + seconds)

    def each(self, pictures: int) -> str:
        """Say what a picture took, in milliseconds."""
        return ", ".join(f"{name} {1e3 * seconds / max(1, pictures):.2f} ms" for name, seconds in vars(self).items())


@dataclass
class Outcome:
    """The judge of a part of a data set, and what loading its examples showed; `judge` is None of no part."""

    judge: Judge[Any, Any] | None = None
    faults: list[tuple[int, str]] = field(default_factory=list)
    repaired: dict[str, Noted] = field(default_factory=dict)
    adapted: dict[str, Noted] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)

    def note(self, place: int, example: Example) -> None:
        """Note what was mended on loading an example, and what was done to it because that was asked for."""
        for kinds, noted in ((example.repairs, self.repaired), (example.adapted, self.adapted)):
            for kind in kinds:
                noted.setdefault(kind, Noted()).add(1, [place])

    def merge(self, other: Self) -> None:
        """Take in that of another part; ValueError where its judge judges otherwise."""
        if self.judge is None:
            self.judge = other.judge
        elif other.judge is not None:
            self.judge.merge(other.judge)
        self.faults = sorted(self.faults + other.faults)
        for mine, theirs in ((self.repaired, other.repaired), (self.adapted, other.adapted)):
            for kind, noted in theirs.items():
                mine.setdefault(kind, Noted()).add(noted.times, noted.first)
        self.costs.add(other.costs)

    def found(self, source: Source) -> Faults:
        """Give what a scan of the whole source would say of its faults and repairs."""
        names = source.names
        structural = list(source.structural_faults)
        faults = Faults(source.name, len(source), [*structural, *((names[at], why) for at, why in self.faults)])
        faults.repaired = {**source.repaired}
        for kind, noted in self.repaired.items():
            faults.repaired[kind] = faults.repaired.get(kind, 0) + noted.times
            faults.repaired_in[kind] = [names[place] for place in noted.first]
        faults.adapted = {kind: [names[place] for place in noted.first] for kind, noted in self.adapted.items()}
        faults.remarks, faults.doubts = tuple(source.notes), source.doubts()
        return faults

    def encode(self) -> bytes:
        """Give it as bytes that say by what they are written."""
        return _head() + zlib.compress(pickle.dumps(self, protocol=5), 1)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` gave, of workers of one's own: pickles run code; MetricfitError by other versions."""
        head, _, rest = data.partition(b"\n")
        if head + b"\n" != _head():
            raise MetricfitError(
                f"expected an outcome by {_head().decode().strip()}, got {head[:60].decode('utf-8', 'replace')}: "
                "install the same version of metricfit on all workers"
            )
        found: Self = pickle.loads(zlib.decompress(rest))
        return found


def _head() -> bytes:
    from metricfit import __version__

    return f"metricfit {__version__} outcome {FORMAT}\n".encode()
