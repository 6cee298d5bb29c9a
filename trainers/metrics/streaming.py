"""What all streaming measures share: two of them that took in different pictures can be merged."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self


class Streaming:
    """A measure that takes in pictures one by one; subclasses name the attributes that make up its state."""

    _settings: ClassVar[tuple[str, ...]] = ()  # what two measures must have in common to be merged
    _sums: ClassVar[tuple[str, ...]] = ()  # what is added up

    def merge(self, other: Self) -> None:
        """Take in all that another measure took in; ValueError where that measures something else, or otherwise."""
        self.check(other)
        self._take_in(other)

    def check(self, other: Self) -> None:
        """Refuse what `merge` refuses."""
        if type(other) is not type(self):
            raise ValueError(f"{type(self).__name__} merges with its own kind only, got {type(other).__name__}")
        check_same(self, other, self._settings)

    def end_at(self, position: int) -> None:
        """Note that it was given all that counts up to this position in the data set: what lies between is left out."""

    def _take_in(self, other: Self) -> None:
        for name in self._sums:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def check_same(mine: Any, theirs: Any, names: Iterable[str]) -> None:
    """Refuse, with ValueError, two measures or judges that differ in one of the settings named."""
    for name in names:
        first, second = getattr(mine, name), getattr(theirs, name)
        if first != second:
            raise ValueError(f"merged measures must share {name}, got {first} and {second}")
