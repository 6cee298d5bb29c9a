"""Slow, obvious versions of what the package computes."""

from typing import Any


class References(dict[str, Any]):
    """The references of a task's losses by name, in a file of this folder, which asks for one that is missing."""

    def __init__(self, file: str, functions: dict[str, Any]) -> None:
        super().__init__(functions)
        self.file = file

    def __missing__(self, name: str) -> None:
        raise AssertionError(
            f"loss {name} has no reference: write its value and gradient as slow, obvious NumPy in "
            f"tests/reference/{self.file}, and name it in REFERENCES there"
        )

    def check(self, names: list[str]) -> None:
        """See that there is one for each of the losses, and none too many."""
        assert all(self[name] for name in names)
        assert set(names) == set(self)
