"""What a scan found: faults, repairs and notes, and what is said of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from ...errors import DataError
from ...text import counted, cut
from ..targets.base import Facts
from .causes import told_together

_LONGEST = 600  # characters of a line about a fault


@dataclass
class Faults:
    """What a scan found in the `total` examples of a source.

    Attributes:
        faults: (name of the example or file, one sentence) for everything that cannot be used.
        repaired: what was mended on reading -> how often; `repaired_in` has the names of the examples.
        adapted: what was done to files because of how they are -> the names of the examples.
        facts: kind of target -> what there is of it in the usable examples that have it.
        remarks: what the source itself finds worth knowing, a sentence each.
        doubts: what all examples together show to be wrong, a sentence each: no run goes on with it.
        odd: what is odd about pictures themselves, a few words -> the names of the examples.
    """

    source: str
    total: int
    faults: list[tuple[str, str]] = field(default_factory=list)
    repaired: dict[str, int] = field(default_factory=dict)
    repaired_in: dict[str, Sequence[str]] = field(default_factory=dict)
    adapted: dict[str, Sequence[str]] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    class_names: Sequence[str] = ()
    remarks: Sequence[str] = ()
    doubts: Sequence[str] = ()
    odd: dict[str, Sequence[str]] = field(default_factory=dict)

    @property
    def sentences(self) -> list[str]:
        """What is wrong, each thing once: one sentence may be about several examples."""
        return [*self.doubts, *dict.fromkeys(sentence for _, sentence in self.faults)]

    @property
    def notes(self) -> list[str]:
        """What is no fault and yet worth knowing, a sentence each."""
        odd = [
            f"{len(names)} of {counted(self.total, 'picture')} {'is' if len(names) == 1 else 'are'} {kind} "
            f"({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
            for kind, names in self.odd.items()
        ]
        facts = [note for facts in self.facts.values() for note in facts.notes(self.class_names)]
        return [*self.remarks, *odd, *facts]

    @property
    def hopeless(self) -> bool:
        """Whether there is nothing to be learnt: no salient pixel, no pixel or no box that counts, in any example."""
        return any(facts.hopeless for facts in self.facts.values())

    def report(self, limit: int | None = 10, names: int | None = 3) -> str:
        """Say what was found in a heading, and a line for each cause of faults (at most `limit`), repair and note.

        Of several examples to which the same happened, so many `names` are said; None says all.
        """
        causes = [*self.doubts, *told_together(self.faults, names)]
        shown = causes if limit is None else causes[:limit]
        lines = [f"{self.source}: {counted(self.total, 'example')}, {counted(len(self.sentences), 'fault')}"]
        # Names in the data can be of any length; who asks for all gets all.
        lines += [f"  {line if limit is None else cut(line, _LONGEST)}" for line in shown]
        if len(causes) > len(shown):
            lines.append(f"  ... and {len(causes) - len(shown)} more")
        lines += [f"  {line}" for facts in self.facts.values() if (line := facts.line(self.class_names))]
        most = 20 if limit is None else 3
        for kind, times in self.repaired.items():
            lines.append(f"  repaired: {kind} ({_often(times, self.repaired_in.get(kind, ()), most)})")
        lines += [f"  done: {kind} ({_often(len(done), done, 3)})" for kind, done in self.adapted.items()]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def raise_if_any(self, skip_bad: bool = False, strict: bool = False, limit: int = 5) -> None:
        """Stop the run when the data do not allow it."""
        if self.doubts:
            raise DataError(f"{self.report(limit)}\nmend them: what all files together show cannot be left out")
        if strict and (self.faults or self.repaired):
            raise DataError(f"{self.report(limit)}\nmend them: --strict lets neither faults nor repairs pass")
        if self.faults and not skip_bad:
            raise DataError(f"{self.report(limit)}\nmend them, or leave them out with --skip-bad")


def _often(times: int, names: Sequence[str], most: int) -> str:
    """Say how often, and in which examples; these may be unknown."""
    once = list(islice(dict.fromkeys(names), most + 1))
    where = f": {', '.join(once[:most])}{', ...' if len(once) > most else ''}" if once else ""
    return counted(times, "time") + where
