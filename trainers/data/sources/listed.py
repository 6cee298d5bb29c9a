"""A source of which a list chooses: `SOURCE:LIST.txt`, for sources of any kind."""

from pathlib import Path

from ...text import composed, folded
from ..example import Source
from ..subset import Subset
from .lists import read_list, stem_of


class Listed(Subset):
    """The examples of a source that a list names, in its order; names without one are faults."""

    def __init__(self, source: Source, path: Path, name: str):
        places = {composed(one): index for index, one in enumerate(source.names)}
        by_stem: dict[str, list[str]] = {}
        for one in places:
            by_stem.setdefault(folded(stem_of(one)), []).append(one)

        def meant(entry: str) -> str | None:
            same = by_stem.get(folded(stem_of(entry)), [])
            return entry if entry in places else same[0] if len(same) == 1 else None

        chosen, faults = read_list(path, meant)
        super().__init__(source, [places[one] for one in chosen])
        self.name, self.structural_faults = name, faults
        self.recognised, self.ignores, self.notes = source.recognised, source.ignores, source.notes

    def reading(self) -> object:
        """As the source has it: another list chooses other names, and changes nothing in them."""
        reading = self.source.reading()
        return None if reading is None else ("listed", self.name, reading)


def without_list(text: str) -> tuple[str, Path | None]:
    """Tell a source and the list behind it apart, where there is one."""
    head, colon, tail = text.strip().rpartition(":")
    path = Path(tail).expanduser()
    if colon and head and tail.lower().endswith(".txt") and path.is_file():
        return head, path
    return text, None
