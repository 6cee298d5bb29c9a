"""Some examples of a source, and the split into what trains and what chooses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import UsageError
from ..text import counted
from .example import Example, Source


class Subset(Source):
    """Some examples of a source, in the order of `indices`; what is known of the whole source alone is left out."""

    def __init__(self, source: Source, indices: Sequence[int] | np.ndarray):
        self.source = source
        self.indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        if self.indices.size and (self.indices.min() < 0 or self.indices.max() >= len(source)):
            raise UsageError(
                f"indices into {source.name} must lie in 0..{len(source) - 1}, got {self.indices.min()}.."
                f"{self.indices.max()}"
            )
        self.name, self.class_names, self.ids = source.name, source.class_names, source.ids
        self.box_bound, self.left_out = source.box_bound, source.left_out
        self.names = [source.names[index] for index in self.indices.tolist()]
        if source.box_counts is not None:
            self.box_counts = [source.box_counts[index] for index in self.indices.tolist()]

    def __len__(self) -> int:
        return len(self.indices)

    def doubts(self) -> Sequence[str]:
        """As the source has them."""
        return self.source.doubts()

    def load(self, index: int) -> Example:
        """See `Source`."""
        return self.source.load(int(self.indices[index]))

    def partner_name(self, index: int) -> str:
        """As the source has it."""
        return self.source.partner_name(int(self.indices[index]))

    def picture_file(self, index: int) -> Path | None:
        """As the source has it."""
        return self.source.picture_file(int(self.indices[index]))


def split_for_selection(source: Source, every: int = 10) -> tuple[Source, Source]:
    """Split training data into what trains and what chooses, which has `index % every == every - 1`."""
    if every < 2:
        raise UsageError(f"every must be at least 2, so that something is left to train on; got {every}")
    if len(source) < every:
        raise UsageError(
            f"{source.name} has {counted(len(source), 'example')}, too few to set one in {every} aside: "
            "give a separate validation source"
        )
    indices = np.arange(len(source))
    chosen = indices % every == every - 1
    return Subset(source, indices[~chosen]), Subset(source, indices[chosen])
