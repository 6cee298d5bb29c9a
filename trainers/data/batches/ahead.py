"""Where packed examples lie, found for the training stream ahead of TensorFlow, which reads and decodes them."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ..example import Source
from ..packed.decoding import read_and_decode
from .stream import DecodedCache, called

Draw = Callable[[int], tuple[int, np.random.Generator, int | None]]

_AT_ONCE = 32  # positions that Python is asked about in one call
_NUMBERS = tf.TensorSpec((None,), tf.int64)
_PLACES = (_NUMBERS, tf.TensorSpec((None,), tf.string), _NUMBERS, _NUMBERS)


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


def decoding(needs: str) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Give what makes of an index, and of where its record lies, the index and what `packed.decoding.SPECS` say."""
    return lambda index, *where: (index, *read_and_decode(needs, *where))


def placed(positions: tf.data.Dataset, decoded: DecodedCache, draw: Draw) -> tf.data.Dataset:
    """Lay beside each position its example's index, and its record's file, first byte and length, see `places_of`."""

    def find(several: np.ndarray) -> tuple[np.ndarray, ...]:
        indices = [draw(position)[0] for position in several.tolist()]
        return np.array(indices, np.int64), *places_of(indices, decoded.source, decoded)

    def beside(several: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return several, *called(find, _PLACES, several)

    return positions.batch(_AT_ONCE).map(beside).unbatch()
