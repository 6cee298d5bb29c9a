"""The names of classes, and one order of them for several sources: models meet other data by the names of classes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import DataError, UsageError
from ..text import composed, cut, read_text, repeated
from .example import IGNORE, Example, Source, View

MOST_CLASSES = IGNORE
"""A class map is uint8, and its last value means ignore."""


def read_class_names(path: str | Path, *, most: int | None = None) -> tuple[str, ...]:
    """Read the names of classes: line n, counted from 0 and without empty lines, names the class n."""
    lines = map(str.strip, composed(read_text(path)).splitlines())
    names = tuple(line for line in lines if line)
    if twice := sorted(repeated(names)):
        raise DataError(f"{path} names the class {cut(', '.join(twice), 200)} twice: give each class a name of its own")
    if not names or (most and len(names) > most):
        expected = f"1 to {most}" if most else "1 or more"
        raise DataError(f"{path} names {len(names)} classes, expected {expected}: write one a line")
    return names


class Renumbered(View):
    """A source of boxes or class maps with the classes of another; made by `with_class_names`."""

    def __init__(self, source: Source, class_names: Sequence[str]):
        super().__init__(source)
        self.class_names = tuple(class_names)
        number_of = {name: number for number, name in enumerate(self.class_names)}
        self._table = np.array([number_of[name] for name in source.class_names], np.int32)
        self._pixels = np.full(256, IGNORE, np.uint8)
        # A class map has no more; boxes may have.
        self._pixels[: len(self._table)] = self._table[: len(self._pixels)]

    def reading(self) -> object:
        """See `Source`."""
        reading = self.source.reading()
        return None if reading is None else ("renumbered", self.class_names, self._table, reading)

    def load(self, index: int) -> Example:
        """See `Source`."""
        example = self.source.load(index)
        return replace(
            example,
            classes=None if example.classes is None else self._table[example.classes],
            labels=None if example.labels is None else self._pixels[example.labels],
        )


def with_class_names(source: Source, class_names: Sequence[str]) -> Source:
    """Number the classes of a source's boxes or pixels as another source or a model does, whose names may be more."""
    if tuple(class_names) == tuple(source.class_names):
        return source
    known = set(class_names)
    missing = [name for name in source.class_names if name not in known]
    if missing:
        raise UsageError(
            f"{source.name} has the class {', '.join(missing)}, expected only {', '.join(class_names)}: choose data of "
            "the same classes, or list the classes in classes.txt"
        )
    return Renumbered(source, class_names)


def refuse_unknown_classes(class_names: Sequence[str], source: Source) -> None:
    """Refuse a source with classes that a model does not know, and a model whose classes have no names."""
    if not class_names:
        raise UsageError("the model does not say the names of its classes: keep an exported file beside its card.json")
    unknown = [name for name in source.class_names if name not in class_names]
    if unknown:
        raise UsageError(
            f"{source.name} has {_listed(unknown)}, which the model does not know (it finds {_listed(class_names)}): "
            "name the classes alike, or train on these"
        )


def _listed(names: Sequence[str], most: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
