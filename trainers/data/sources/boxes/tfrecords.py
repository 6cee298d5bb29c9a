"""Random access to the examples in TFRecord files, which are made to be read from their beginnings."""

import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import DataError, first_line
from ....text import counted, cut

_HEADER = struct.Struct("<QI")  # the length of the example and its checksum
_FOOTER = 4  # the example's own checksum


class TfRecords(Sequence[dict[str, Any]]):
    """The examples of one split of a TFDS data set that is prepared as TFRecord; `decoders` as in TFDS."""

    def __init__(self, builder: Any, split: str, decoders: dict[str, Any]):
        self._features, self._decoders = builder.info.features, decoders
        self._paths: list[Path] = []
        found = [np.zeros((0, 3), np.int64)]  # which file, where in it an example begins, and its length
        for part in builder.info.splits[split].file_instructions:
            path = Path(part.filename)
            places = np.array([(len(self._paths), *place) for place in _places(path)], np.int64).reshape(-1, 3)
            if len(places) != part.examples_in_shard:
                raise DataError(
                    f"{path} holds {counted(len(places), 'example')}, its dataset_info.json says "
                    f"{part.examples_in_shard}: prepare the data set again"
                )
            taken = slice(part.skip, None if part.take in (-1, None) else part.skip + part.take)
            self._paths.append(path)
            found.append(places[taken])
        self._places = np.concatenate(found)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        """Read one example, pictures as their encoded bytes; DataError where it is not as it was written."""
        from ...packed.decoding import record_reader

        number, start, length = self._places[index].tolist()
        path = self._paths[number]
        record = record_reader()(str(path), start - _HEADER.size, length).numpy()
        if not record:
            raise DataError(f"example {index} of {path} is damaged (its sum differs): copy or prepare it again")
        try:
            return self._features.deserialize_example_np(record, decoders=self._decoders)
        except Exception as error:  # of many kinds, since it is read as features.json says
            told = cut(first_line(error), 200)
            raise DataError(
                f"example {index} of {path} is not what its features.json says ({told}): prepare it again"
            ) from error


def _places(path: Path) -> Iterable[tuple[int, int]]:
    """Give where each example of a file begins, and its length."""
    try:
        size = os.path.getsize(path)
        with path.open("rb") as file:
            start = 0
            while start < size:
                file.seek(start)
                header = file.read(_HEADER.size)
                length = _HEADER.unpack(header)[0] if len(header) == _HEADER.size else size
                end = start + _HEADER.size + length + _FOOTER
                if end > size:
                    raise DataError(f"{path} ends within an example, or is no TFRecord file: copy or prepare it again")
                yield start + _HEADER.size, length
                start = end
    except OSError as error:
        told = f"{cut(str(path), 300)} cannot be read ({error.strerror or cut(str(error), 200)})"
        raise DataError(f"{told}: copy or prepare it again") from error
