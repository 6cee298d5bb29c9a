"""Opening what one tool wrote, by the readings of its layout."""

from collections.abc import Callable, Iterable

from ....errors import DataError
from ...example import Source
from ..layouts.base import Asked, Reading, Tree


def open_reading(
    tree: Tree,
    asked: Asked,
    readings: Callable[[Tree, Asked], Iterable[Reading]],
    expected: str,
    advice: str = "give the folder that holds them",
) -> Source:
    """Open the best reading of a folder; a DataError says what was `expected`, or which parts must be chosen from."""
    found = sorted(readings(tree, asked), key=lambda reading: (reading.sure, reading.count))
    if not found:
        part = f" for the part {tree.split}" if tree.split else ""
        raise DataError(f"expected {expected} in {tree.root}{part}, found {tree.inventory()}: {advice}")
    reading = found[-1]
    if reading.splits:
        named = ", ".join(f"{asked.name}:{split}" for split in reading.splits)
        raise DataError(f"{tree.root} has the parts {', '.join(reading.splits)}: name one, {named}")
    return reading.open()
