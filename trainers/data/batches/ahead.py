"""Where packed examples lie, found for the training stream ahead of TensorFlow, which reads and decodes them."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ..example import Source
from .stream import DecodedCache, called

Draw = Callable[[int], tuple[int, np.random.Generator, int | None]]

_AT_ONCE = 32  # positions that Python is asked about in one call
_PLACES = (tf.TensorSpec((None,), tf.string), tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None,), tf.int64))


def has_records(source: Source) -> bool:
    """Tell whether examples of a source, or of a part of it, are packed."""
    return len(source) > 0 and any(source.record(index) is not None for index in (0, len(source) - 1))


def places_of(indices: list[int], source: Source, decoded: DecodedCache) -> tuple[np.ndarray, ...]:
    """Give files, first bytes and lengths of records; the file is "" where TensorFlow need not or cannot decode one."""
    places = []
    for index in indices:
        found = None if index in decoded else source.record(index)
        places.append(("", 0, 0) if found is None else found[0].place(found[1]))
    files, starts, lengths = zip(*places)
    return np.array([file.encode() for file in files], object), np.array(starts), np.array(lengths)


def placed(positions: tf.data.Dataset, decoded: DecodedCache, draw: Draw) -> tf.data.Dataset:
    """Lay beside each position the file, first byte and length of its example's record, see `places_of`."""

    def find(several: np.ndarray) -> tuple[np.ndarray, ...]:
        return places_of([draw(position)[0] for position in several.tolist()], decoded.source, decoded)

    def beside(several: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return several, *called(find, _PLACES, several)

    return positions.batch(_AT_ONCE).map(beside).unbatch()
