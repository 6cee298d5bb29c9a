"""Which classes each picture has."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from ...machine import workers
from ...progress import progress
from ..example import Source
from ..labels import class_counts
from ..ragged import Ragged
from ..targets import TARGETS
from ..targets.boxes import class_pairs


@dataclass(frozen=True, eq=False)
class Presence:
    """An entry for each class of each picture that has an object, or a pixel, of it that counts.

    Attributes:
        pictures: int64 [k], the index of the picture.
        classes: int64 [k], the class.
        length: how many pictures there are in all.
        class_names: the names of the classes.
    """

    pictures: np.ndarray
    classes: np.ndarray
    length: int
    class_names: tuple[str, ...]

    @property
    def having(self) -> np.ndarray:
        """The number of pictures that have each class, int64 [C]."""
        return np.bincount(self.classes, minlength=len(self.class_names))


_found: WeakKeyDictionary[Source, Presence] = WeakKeyDictionary()


def presence(source: Source, needs: str, *, quiet: bool = False) -> Presence:
    """Find the classes of each picture, by its "boxes" or "labels"; after a scan nothing is loaded again.

    DataError where a picture cannot be loaded.
    """
    if source not in _found:
        pairs = np.nonzero(class_counts(source, quiet=quiet)) if needs == "labels" else _of_boxes(source, quiet)
        pictures, classes = (np.asarray(column, np.int64) for column in pairs)
        _found[source] = Presence(pictures, classes, len(source), tuple(source.class_names))
    return _found[source]


def _of_boxes(source: Source, quiet: bool) -> tuple[np.ndarray, ...]:
    seen = source.seen()
    return class_pairs(seen.facts["boxes"] if seen is not None else _looked_at(source, quiet))[:2]


def _looked_at(source: Source, quiet: bool) -> Ragged:
    target, shown = TARGETS["boxes"], {"desc": f"classes of {source.name}", "total": len(source), "unit": "image"}

    def row(index: int) -> list[int]:
        facts = target.facts(source.load(index), source.class_names)
        return list(facts.row()) if facts is not None else []

    with ThreadPoolExecutor(workers()) as pool:
        return Ragged.of(progress(pool.map(row, range(len(source))), quiet=quiet, delay=0.5, leave=False, **shown))
