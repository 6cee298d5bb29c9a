"""A checked source while it is used: an example that turns bad meanwhile is told, or another stands in for it."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DataError, first_line
from ..text import counted
from .example import Example, Source, View
from .targets.base import Target

if TYPE_CHECKING:
    from .scan.looks import Looks

log = logging.getLogger("metricfit")


@dataclass(frozen=True)
class StandIn:
    """An example that could be used once and cannot any more: its name, that of the one in its place, and why."""

    name: str
    by: str
    why: str

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"{self.name} (by {self.by}: {self.why})"


class Steady(View):
    """Checks each example whenever it is loaded, as the scan before did.

    Which one stands in hangs on nothing but the files: the next usable one in the order of the source.

    Args:
        source: a checked one.
        target: that every example must have.
        replacing: let the next usable example stand in for one that cannot be used any more.

    Attributes:
        stand_ins: what was replaced so far, by the index of the example that is missing.
    """

    def __init__(self, source: Source, target: Target[Any], *, replacing: bool) -> None:
        super().__init__(source)
        self.target, self.replacing = target, replacing
        self.stand_ins: dict[int, StandIn] = {}

    def seen(self) -> "Looks | None":
        """As the source has it: of what stood in each place when it was scanned."""
        return self.source.seen()

    def load(self, index: int) -> Example:
        """As the source has it, or the example that stands in; DataError where there is none."""
        example, fault = self._loaded(index)
        if example is not None:
            return example
        assert fault is not None
        if not self.replacing:
            raise fault
        for place in (*range(index + 1, len(self)), *range(index)):
            example, _ = self._loaded(place)
            if example is not None:
                self._note(index, StandIn(self.names[index], self.names[place], first_line(fault)))
                return example
        raise DataError(
            f"none of the {counted(len(self), 'example')} of {self.name} can be used any more ({first_line(fault)}): "
            "look whether the folder is still there"
        ) from fault

    def _loaded(self, index: int) -> tuple[Example | None, DataError | None]:
        try:
            example = self.source.load(index)
            self.target.of(example, self)
            self.target.check(example, self.class_names)
        except DataError as fault:
            return None, fault
        return example, None

    def _note(self, index: int, stand_in: StandIn) -> None:
        # Several threads may find the same; it is said once.
        if self.stand_ins.setdefault(index, stand_in) is stand_in:
            log.warning("--skip-bad: from now on another picture stands in for %s", stand_in)


def stand_ins(*sources: Source) -> list[StandIn]:
    """Give what was replaced in sources, by the order of their examples."""
    steady = [source for source in sources if isinstance(source, Steady)]
    return [source.stand_ins[index] for source in steady for index in sorted(source.stand_ins)]
