"""What all streaming measures share: two of them that took in different pictures can be merged."""

from typing import ClassVar, Self


class Streaming:
    """A measure that takes in pictures one by one; subclasses name the attributes that make up its state."""

    _settings: ClassVar[tuple[str, ...]] = ()  # what two measures must have in common to be merged
    _sums: ClassVar[tuple[str, ...]] = ()  # what is added up

    def merge(self, other: Self) -> None:
        """Take in all that another measure took in; ValueError where that measures something else, or otherwise."""
        if type(other) is not type(self):
            raise ValueError(f"{type(self).__name__} merges with its own kind only, got {type(other).__name__}")
        for name in self._settings:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(f"merged measures must share {name}, got {mine} and {theirs}")
        self._take_in(other)

    def _take_in(self, other: Self) -> None:
        for name in self._sums:
            setattr(self, name, getattr(self, name) + getattr(other, name))
