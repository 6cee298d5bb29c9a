"""Several sources as one: what is trained on may lie in several places."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...errors import UsageError
from ..classes import with_class_names
from ..example import SEPARATOR, Example, Source


class JoinedSource:
    """The examples of several sources, one source after the other; made by `join_sources`.

    Attributes:
        name: The sources' names with plus signs between them.
        class_names: Of boxes, the classes of all, each once; otherwise those of the first source.
        names: The examples' names, each with its source's name before it.
        structural_faults: Those of all sources that know of any.
        repaired: What was mended in any of them -> how often.
        notes: Those of all sources that have any.
    """

    def __init__(self, sources: Sequence[Source], class_names: Sequence[str], renumber: bool = False):
        self.class_names = tuple(class_names)
        self._parts = [with_class_names(source, class_names) for source in sources] if renumber else list(sources)
        self.name = SEPARATOR.join(source.name for source in sources)
        self.names = [f"{source.name}/{name}" for source in sources for name in source.names]
        self._ends = np.cumsum([len(source) for source in sources])
        self.structural_faults = tuple(
            (f"{source.name}/{name}", sentence)
            for source in sources
            for name, sentence in getattr(source, "structural_faults", ())
        )
        self.notes = tuple(f"{source.name}: {note}" for source in sources for note in getattr(source, "notes", ()))
        self.repaired: dict[str, int] = {}
        for source in sources:
            for kind, count in getattr(source, "repaired", {}).items():
                self.repaired[kind] = self.repaired.get(kind, 0) + count

    @property
    def box_counts(self) -> list[int]:
        """The number of boxes of each example, where all sources know it."""
        return [count for source in self._parts for count in source.box_counts]

    @property
    def box_bound(self) -> int:
        """The most boxes that any example can have, where all sources know that."""
        return max(
            source.box_bound if hasattr(source, "box_bound") else max(source.box_counts, default=0)
            for source in self._parts
        )

    def __len__(self) -> int:
        """Give the number of examples."""
        return len(self.names)

    def partner_name(self, index: int) -> str:
        """Name the mask or label file of an example, or the example where its source knows no file."""
        source, within = self._find(index)
        return source.partner_name(within) if hasattr(source, "partner_name") else self.names[index]

    def load(self, index: int) -> Example:
        """Load one example; see `Source.load`."""
        index = range(len(self))[index]
        source, within = self._find(index)
        return replace(source.load(within), name=self.names[index])

    def _find(self, index: int) -> tuple[Source, int]:
        part = int(np.searchsorted(self._ends, index, side="right"))
        return self._parts[part], int(index - self._ends[part] + len(self._parts[part]))


def join_sources(sources: Sequence[Source], needs: str) -> JoinedSource:
    """Put sources one after the other.

    Args:
        sources: Two or more.
        needs: What every example has; see `open_source`. Boxes of classes of the same name become one class.

    Returns:
        A source of all examples.

    Raises:
        UsageError: If one source is there twice, or sources of class maps name their classes differently.
    """
    texts = [source.name for source in sources]
    twice = [text for index, text in enumerate(texts) if text in texts[:index]]
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
