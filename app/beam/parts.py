"""How data are divided among workers: into ranges of places, never into lists of what lies there."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ...trainers.errors import DataError
from ...trainers.text import counted

LEAST_PARTS, LARGEST = 64, 1024
"""Small data are cut into so many parts, so that all workers have some; large ones into parts of so many pictures."""
_COMPARED = 10_000  # names of which a digest is made


@dataclass(frozen=True)
class Places:
    """What is divided: how many pictures, in parts of how many, and a digest of their names in their order."""

    count: int
    size: int
    digest: str

    @classmethod
    def of(cls, names: Sequence[str], batch_size: int = 1) -> Self:
        """Divide pictures of these names, so that batches begin where they begin when one process does it all."""
        wanted = min(LARGEST, max(1, -(-len(names) // LEAST_PARTS)))
        return cls(len(names), -(-wanted // batch_size) * batch_size, digest_of(names))

    def parts(self) -> Iterator[tuple[int, int]]:
        """Give the (start, stop) of each part."""
        for start in range(0, self.count, self.size):
            yield start, min(start + self.size, self.count)

    def told(self, runner: str) -> str:
        """Say what is to be done where."""
        parts = counted(-(-self.count // self.size), "part")
        return f"{counted(self.count, 'picture')} on the runner {runner}, in {parts}"

    def check(self, names: Sequence[str], what: str) -> None:
        """Refuse, with DataError, what a worker found where it has other names than it was divided by."""
        if len(names) != self.count or digest_of(names) != self.digest:
            raise DataError(
                f"{what} is not the same on a worker: expected the {self.count} pictures that it was divided by, the "
                f"worker found {len(names)}{'' if len(names) != self.count else ' with other names'}: give a path at "
                "which all workers have the same files, and leave them as they are meanwhile"
            )


def digest_of(names: Sequence[str]) -> str:
    """Give a SHA-256 of names, spread evenly over a long list of them, and of their number."""
    content = hashlib.sha256(f"{len(names)}".encode())
    places = np.unique(np.linspace(0, len(names) - 1, min(len(names), _COMPARED)).astype(np.int64)) if names else ()
    for place in places:
        content.update(b"\0" + names[int(place)].encode("utf-8", "surrogateescape"))
    return content.hexdigest()
