"""Class maps as they are used: what the values of label files mean, and how many pixels of each class there are."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from ..errors import DataError, UsageError, first_line
from ..machine import workers
from ..progress import progress
from .classes import MOST_CLASSES, read_class_names
from .example import IGNORE, Example, Source, View
from .images import counts_of_bytes
from .scan.looks import Looks
from .steady import Steady
from .subset import Subset


@dataclass(frozen=True)
class LabelCoding:
    """What a user says of label files: a file of names, or None for the source's, and values to ignore besides 255."""

    classes: str | None = None
    ignore: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for value in self.ignore:
            if not 0 <= value <= 255:
                raise UsageError(f"--ignore takes values of label files, 0 to 255, got {value}")


class CodedLabels(View):
    """A source of class maps whose values are the indices of `class_names`, or 255; made by `with_coding`."""

    def __init__(self, source: Source, value_names: Sequence[str], ignore: Sequence[int]):
        super().__init__(source)
        self.class_names = tuple(name for value, name in enumerate(value_names) if value not in ignore)
        self._value_names = tuple(value_names)
        self._known = np.zeros(256, bool)
        self._known[[*range(len(value_names)), *ignore, IGNORE]] = True
        self._table = np.full(256, IGNORE, np.uint8)
        counting = [value for value in range(len(value_names)) if value not in ignore]
        self._table[counting] = np.arange(len(counting))
        # A picture that can be read has fewer pixels than that.
        self._counts = np.full((len(source), len(counting)), -1, np.int32)
        self._ignore = tuple(ignore)
        self._held = np.zeros((len(source), 32), np.uint8)  # a bit for each value

    def load(self, index: int) -> Example:
        """See `Source`; values that are neither classes nor ignored are refused, too."""
        index = range(len(self))[index]
        example = self.source.load(index)
        if example.labels is None:
            raise DataError(f"{example.name} of {self.name} has no labels: choose a source that has them")
        values = counts_of_bytes(example.labels)
        self._held[index] = np.packbits(values > 0)
        unknown = np.flatnonzero((values > 0) & ~self._known)
        if len(unknown):
            raise DataError(self._complaint(index, unknown.tolist()))
        labels = self._table[example.labels]
        self._counts[index] = counts_of_bytes(labels)[: len(self.class_names)]
        return replace(example, labels=labels)

    def _complaint(self, index: int, unknown: list[int]) -> str:
        listed = ", ".join(map(str, unknown[:4])) + (", ..." if len(unknown) > 4 else "")
        names = self._value_names
        classes = f"0 ({names[0]}) to {len(names) - 1} ({names[-1]})" if len(names) > 1 else f"0 ({names[0]})"
        held = f"the value {listed}" if len(unknown) == 1 else f"{len(unknown)} other values ({listed})"
        advice = "save the index of the class of each pixel"
        if self._from_one(self._values_held(index)):
            advice = f"no pixel is 0, so the numbers may begin with 1: {self._mend_from_one()}"
        elif len(unknown) <= 4:
            values = " ".join(map(str, unknown))
            mend = "add the missing names to the classes"
            if len(names) > 1 and not self._values_held(index)[1 : len(names)].any():
                mend = f"save the index of each class instead, such as 1 for {names[1]}"
            advice = f"{mend}, or leave these pixels out with --ignore {values}"
        return f"labels {self.partner_name(index)} hold {held}, the classes are {classes}: {advice}"

    def _values_held(self, index: int) -> np.ndarray:
        """Tell of each value, bool [256], whether a label file that was read holds it."""
        return np.unpackbits(self._held[index]).astype(bool)

    def _from_one(self, held: np.ndarray) -> bool:
        """Tell whether values look as if the first class were 1: none is 0, and some is the number of classes."""
        next_value = len(self._value_names)
        return not held[0] and bool(held[next_value]) and not self._known[next_value]

    def _mend_from_one(self) -> str:
        return (
            f"subtract 1 from all of them, or if 0 is a class that no pixel has, put its name before "
            f"{self._value_names[0]} in the list of classes"
        )

    def doubts(self) -> list[str]:
        """See `Source`; adds what values are there in place of others."""
        return [*self.source.doubts(), *self._doubts()]

    def _doubts(self) -> list[str]:
        held = np.unpackbits(np.bitwise_or.reduce(self._held, axis=0)).astype(bool)
        names = self._value_names
        if self._from_one(held):
            return [
                f"the label files of {self.name} hold {len(names)} and no 0, the classes are 0 ({names[0]}) to "
                f"{len(names) - 1} ({names[-1]}), so their numbers begin with 1: {self._mend_from_one()}"
            ]
        counting = [value for value in range(len(names)) if value not in self._ignore]
        absent = [names[value] for value in counting if not held[value]]
        # A class that was saved as 255 is the last one, or all that there is besides a background.
        replaced = absent and (absent == [names[counting[-1]]] or len(absent) == len(counting) - 1)
        if not held[IGNORE] or IGNORE in self._ignore or self.source.ignores or not replaced:
            return []
        return [
            f"the label files of {self.name} hold 255, which is ignored, and no pixel of {', '.join(absent[:3])}"
            f"{', ...' if len(absent) > 3 else ''}: if 255 is such a class, save its index instead "
            f"({names.index(absent[-1])} for {absent[-1]}); if 255 means ignore, say so with --ignore 255"
        ]

    def seen(self) -> Looks | None:
        """As the source has it, where the values are its classes."""
        return self.source.seen() if self.class_names == self.source.class_names and not self._ignore else None

    def counts(self, indices: Sequence[int] | np.ndarray, *, quiet: bool = False) -> np.ndarray:
        """Give the pixels of each class in some examples, int32 [n, C]; those not loaded so far are loaded now."""
        indices = np.asarray(indices, np.int64)
        missing = indices[(self._counts[indices] < 0).any(axis=1)].tolist()
        given = {"desc": f"classes of {self.name}", "total": len(missing), "unit": "image", "leave": False}
        with ThreadPoolExecutor(workers()) as pool:
            loaded = pool.map(lambda index: self.load(index) and None, missing)
            for _ in progress(loaded, quiet=quiet, delay=0.5, **given):
                pass
        return np.asarray(self._counts[indices])

    def reading(self) -> object:
        """See `Source`."""
        reading = self.source.reading()
        return None if reading is None else ("coded", self.class_names, self._value_names, self._ignore, reading)

    def learnt(self) -> Mapping[str, np.ndarray]:
        """See `Source`."""
        return {**self.source.learnt(), "pixels of classes": self._counts, "values held": self._held}

    def recall(self, indices: np.ndarray, learnt: Mapping[str, np.ndarray]) -> None:
        """See `Source`."""
        self.source.recall(indices, {name: learnt[name] for name in self.source.learnt()})
        self._counts[indices], self._held[indices] = learnt["pixels of classes"], learnt["values held"]


def with_coding(source: Source, coding: LabelCoding) -> CodedLabels:
    """Turn label values into indices of `class_names` and 255, refusing others; an ignored name is no class."""
    own = tuple(source.class_names)
    names = read_class_names(coding.classes, most=MOST_CLASSES) if coding.classes else own
    if not names:
        raise UsageError(
            f"{source.name} does not say the names of its classes: write them into a file, one a line in the order of "
            "their values, and give it as --classes FILE (or put it beside the images as classes.txt)"
        )
    if own and len(own) != len(names):
        raise DataError(
            f"{coding.classes} names {len(names)} class{'es' * (len(names) != 1)}, {source.name} has {len(own)} "
            f"({', '.join(own[:8])}{', ...' if len(own) > 8 else ''}): give a file that fits, or leave --classes away"
        )
    coded = CodedLabels(source, names, coding.ignore)
    if not coded.class_names:
        raise UsageError(f"--ignore leaves none of the classes of {source.name}: ignore fewer values")
    return coded


def class_counts(source: Source, *, quiet: bool = False) -> np.ndarray:
    """Count the pixels of each class in each example, int32 [n, C]; after a scan nothing is loaded again."""
    indices, replacing = np.arange(len(source)), isinstance(source, Steady) and source.replacing
    while isinstance(source, (Subset, Steady)):
        indices = source.indices[indices] if isinstance(source, Subset) else indices
        source = source.source
    if not isinstance(source, CodedLabels):
        raise UsageError(f"{source.name} has no class maps whose pixels could be counted")
    try:
        return source.counts(indices, quiet=quiet)
    except DataError as error:
        if not replacing:
            raise
        raise irreplaceable(first_line(error)) from error


def irreplaceable(fault: str) -> DataError:
    """Say, after why a picture cannot be used any more, that no other one can take its place."""
    return DataError(
        f"{fault}; what stands in for a picture does not have its classes, which --equibatch, --class-weights "
        "and --repeat-rare count: put back what it was"
    )
