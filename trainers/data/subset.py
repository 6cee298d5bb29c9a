"""Some examples of a source, and the split into what trains and what chooses."""

from collections.abc import Sequence

import numpy as np

from ..errors import UsageError
from .example import Example, Source


class Subset:
    """Some examples of a source, in a given order; made by `subset`.

    Attributes:
        source: The source it takes from.
        indices: int64 [n], the index in `source` of each example.
    """

    def __init__(self, source: Source, indices: Sequence[int]):
        self.source = source
        self.indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        if self.indices.size and (self.indices.min() < 0 or self.indices.max() >= len(source)):
            raise UsageError(
                f"indices into {source.name} must lie in 0..{len(source) - 1}, got {self.indices.min()}.."
                f"{self.indices.max()}"
            )
        self.name = source.name
        self.class_names = source.class_names
        self.names = [source.names[index] for index in self.indices]

    @property
    def box_counts(self) -> list[int]:
        """The number of boxes of each example, where the source knows it."""
        counts = self.source.box_counts
        return [counts[index] for index in self.indices]

    @property
    def box_bound(self) -> int:
        """The most boxes that any example can have, where the source knows that."""
        return self.source.box_bound

    def __len__(self) -> int:
        """Give the number of examples."""
        return len(self.indices)

    def load(self, index: int) -> Example:
        """Load one example; see `Source.load`."""
        return self.source.load(int(self.indices[index]))


def subset(source: Source, indices: Sequence[int]) -> Source:
    """Take some examples of a source.

    Args:
        source: Any source.
        indices: Indices into it, in the order wanted.

    Returns:
        A source of `len(indices)` examples with the same name and class names.

    Raises:
        UsageError: If an index is out of range.
    """
    return Subset(source, indices)


def split_for_selection(source: Source, every: int = 10) -> tuple[Source, Source]:
    """Split training data into what trains and what chooses (checkpoints, thresholds), leaving the test data alone.

    Args:
        source: The training data, at least `every` examples.
        every: Each example with `index % every == every - 1` goes to the selection split.

    Returns:
        The training source and the selection source; together they are `source`, and share nothing.

    Raises:
        UsageError: If `every` is below 2 or the source is too small to be split.
    """
    if every < 2:
        raise UsageError(f"every must be at least 2, so that something is left to train on; got {every}")
    if len(source) < every:
        raise UsageError(
            f"{source.name} has {len(source)} examples, too few to set one in {every} aside: "
            "give a separate validation source"
        )
    indices = np.arange(len(source))
    chosen = indices % every == every - 1
    return subset(source, indices[~chosen]), subset(source, indices[chosen])
