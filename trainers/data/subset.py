"""Some examples of a source, and the split into what trains and what chooses."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from ..text import counted
from .example import Example, Recorded, Source
from .names import chosen

if TYPE_CHECKING:
    from .scan.looks import Looks


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
        self.since = source.since
        self.names = chosen(source.names, self.indices)
        self.digest = source.digest
        if source.box_counts is not None:
            self.box_counts = np.asarray(source.box_counts, np.int64)[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def doubts(self) -> Sequence[str]:
        """As the source has them."""
        return self.source.doubts()

    def load(self, index: int) -> Example:
        """See `Source`."""
        return self.source.load(int(self.indices[index]))

    def own_names(self) -> Sequence[str]:
        """As the source has them."""
        return chosen(self.source.own_names(), self.indices)

    def partner_name(self, index: int) -> str:
        """As the source has it."""
        return self.source.partner_name(int(self.indices[index]))

    def picture_file(self, index: int) -> Path | None:
        """As the source has it."""
        return self.source.picture_file(int(self.indices[index]))

    def seen(self) -> "Looks | None":
        """As the source has it."""
        seen = self.source.seen()
        return None if seen is None else seen.take(self.indices)

    def reading(self) -> object:
        """As the source has it; those of several parts of it are kept each for itself."""
        reading = self.source.reading()
        return None if reading is None else ("part", self.name, self.indices, reading)

    def files_of(self, indices: np.ndarray) -> Iterable[Sequence[str]]:
        """As the source has them."""
        return self.source.files_of(self.indices[indices])

    def files_of_all(self) -> Sequence[str]:
        """As the source has them."""
        return self.source.files_of_all()

    def learnt(self) -> Mapping[str, np.ndarray]:
        """As the source has it."""
        return {name: values[self.indices] for name, values in self.source.learnt().items()}

    def recall(self, indices: np.ndarray, learnt: Mapping[str, np.ndarray]) -> None:
        """As the source does."""
        self.source.recall(self.indices[indices], learnt)

    def record(self, index: int) -> tuple[Recorded, int] | None:
        """As the source has it."""
        return self.source.record(int(self.indices[index]))


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
