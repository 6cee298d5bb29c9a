"""Which steps of a training went wrong, kept in its folder: they are named at its end, also those of earlier starts."""

import dataclasses
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...files import write_json
from ...text import counted

log = logging.getLogger("metricfit")

MOST_NAMED = 16
"""Of a larger batch the names of the others are left out."""


@dataclass(frozen=True)
class Fault:
    """A step that was not taken.

    Attributes:
        step: which one, from 0 over all epochs.
        epoch: from 1.
        in_epoch: which of its steps, from 1.
        what: what became no number.
        where: the layer that it comes from, as far as it was looked for.
        files: the names of the step's examples.
    """

    step: int
    epoch: int
    in_epoch: int
    what: str
    where: str = ""
    files: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Say which step it is, and all that is known of it."""
        more = f", ... and {len(self.files) - MOST_NAMED} more" if len(self.files) > MOST_NAMED else ""
        names = f"its pictures are {', '.join(self.files[:MOST_NAMED])}{more}" if self.files else ""
        known = "; ".join(filter(None, (self.where, names)))
        return f"step {self.in_epoch} of epoch {self.epoch}" + (f" ({known})" if known else "")

    def __str__(self) -> str:
        """Say what happened where."""
        return f"{self.what} at {self.place}"


class FaultRecord:
    """A file of the steps that were left out, and of those after which the training went back.

    Args:
        path: the JSON file; there is none as long as all goes well. A damaged one is begun anew.

    Attributes:
        writes: whether it is written; of several processes the chief's is.
    """

    writes = True

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.skipped: dict[int, Fault] = {}
        self.went_back: list[Fault] = []
        self.lost_seconds = 0.0  # of training that was taken back
        if self.path.is_file():
            try:
                found = json.loads(self.path.read_text(encoding="utf-8"))
                self.skipped = {fault.step: fault for fault in map(_fault, found["skipped"])}
                self.went_back = [*map(_fault, found["went_back"])]
                self.lost_seconds = max(0.0, float(found.get("lost_seconds", 0.0)))
            except (ValueError, TypeError, KeyError):
                log.warning("%s, which names the steps that went wrong so far, is damaged and begun anew", self.path)

    @property
    def factor(self) -> float:
        """The factor on the learning rate: half for each time that the training went back."""
        return 0.5 ** len(self.went_back)

    def skip(self, fault: Fault) -> None:
        """Note a step that was left out; one that comes again after an interruption is the same."""
        self.skipped[fault.step] = fault
        self._write()

    def go_back(self, fault: Fault, seconds: float = 0.0) -> None:
        """Note a step after which the training went back, and how long what is lost by that had taken."""
        self.went_back.append(fault)
        self.lost_seconds += seconds
        self._write()

    def sentences(self) -> list[str]:
        """Say what went wrong, for the end of the training."""
        said = []
        if self.skipped:
            listed = "; ".join(str(self.skipped[step]) for step in sorted(self.skipped))
            said.append(f"--on-nan skip: {counted(len(self.skipped), 'step')} left out: {listed}")
        if self.went_back:
            listed = "; ".join(map(str, self.went_back))
            said.append(
                f"--on-nan restore: went back {counted(len(self.went_back), 'time')}, the learning rate is "
                f"{self.factor:g} of what was asked for: {listed}"
            )
        return said

    def _write(self) -> None:
        if not self.writes:
            return
        kept = {"skipped": [self.skipped[step] for step in sorted(self.skipped)], "went_back": self.went_back}
        faults = {name: [*map(dataclasses.asdict, some)] for name, some in kept.items()}
        write_json(self.path, {**faults, "lost_seconds": round(self.lost_seconds, 3)})


def _fault(values: dict[str, Any]) -> Fault:
    return Fault(**{**values, "files": tuple(values["files"])})
