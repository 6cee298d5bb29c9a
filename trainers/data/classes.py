"""One order of classes for several sources: a model trained on one is judged on another by the names of its classes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import UsageError
from .example import IGNORE, Example, Source, View


class Renumbered(View):
    """A source of boxes or class maps with the classes of another; made by `with_class_names`."""

    def __init__(self, source: Source, class_names: Sequence[str]):
        super().__init__(source)
        self.class_names = tuple(class_names)
        self._table = np.array([self.class_names.index(name) for name in source.class_names], np.int32)
        self._pixels = np.full(256, IGNORE, np.uint8)
        self._pixels[: len(self._table)] = self._table

    def load(self, index: int) -> Example:
        """See `Source`."""
        example = self.source.load(index)
        return replace(
            example,
            classes=None if example.classes is None else self._table[example.classes],
            labels=None if example.labels is None else self._pixels[example.labels],
        )


def with_class_names(source: Source, class_names: Sequence[str]) -> Source:
    """Number the classes of a source's boxes or pixels as another source or a model does.

    Args:
        source: a source of boxes, or of class maps with the indices of its `class_names`.
        class_names: the names wanted, by index; may have more than the source.

    Returns:
        The source itself where the names are the same, otherwise one that renumbers on loading.

    Raises:
        UsageError: the source has a class that is not among them.
    """
    if tuple(class_names) == tuple(source.class_names):
        return source
    missing = [name for name in source.class_names if name not in class_names]
    if missing:
        raise UsageError(
            f"{source.name} has the class {', '.join(missing)}, expected only {', '.join(class_names)}: choose data of "
            "the same classes, or list the classes in classes.txt"
        )
    return Renumbered(source, class_names)
