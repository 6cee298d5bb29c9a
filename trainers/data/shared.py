"""Examples that stand in two sources: what is chosen or measured on them says nothing."""

from collections.abc import Sequence

import numpy as np

from ..errors import DataError
from .example import Source

MOST_COMPARED = 50  # pictures of equal names: they are read to tell equal pictures from equal numbering


def shared_examples(training: Source, other: Source) -> Sequence[str]:
    """Name the examples of another source that training has, too: equal names and, as far as compared, pictures.

    Names are those that joined sources have for their own examples, and each part is compared with each.
    """
    wanted = frozenset(other.own_names())
    places: dict[str, list[int]] = {}
    for index, name in enumerate(training.own_names()):
        if name in wanted:
            places.setdefault(name, []).append(index)
    parts: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for index, name in enumerate(other.own_names() if places else ()):
        for place in places.get(name, ()):
            of_parts = training.names[place].removesuffix(name), other.names[index].removesuffix(name)
            parts.setdefault(of_parts, []).append((place, index))
    found = {index for common in parts.values() for index in _shared(training, other, common)}
    return [other.names[index] for index in sorted(found)]


def _shared(training: Source, other: Source, common: Sequence[tuple[int, int]]) -> Sequence[int]:
    """Give the places in the other source of examples, each with that of one of its name, that are training's."""
    picked = np.unique(np.linspace(0, len(common) - 1, min(MOST_COMPARED, len(common))).astype(int)).tolist()
    equal = {one: _same_picture(training, other, *common[one]) for one in picked}
    if not any(equal.values()):
        return []
    return [index for one, (_, index) in enumerate(common) if equal.get(one, True)]


def _same_picture(training: Source, other: Source, first: int, second: int) -> bool:
    try:
        return np.array_equal(training.load(first).image, other.load(second).image)
    except DataError:  # one that turned bad since a run began that goes on now
        return False
