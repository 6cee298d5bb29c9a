"""Random access to the examples in TFRecord files, which are made to be read from their beginnings."""

import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ....errors import DataError
from ....text import counted

_HEADER = struct.Struct("<QI")  # the length of the example and its checksum
_FOOTER = 4  # the example's own checksum


class TfRecords(Sequence[dict[str, Any]]):
    """The examples of one split of a TFDS data set that is prepared as TFRecord; `decoders` as in TFDS."""

    def __init__(self, builder: Any, split: str, decoders: dict[str, Any]):
        self._features, self._decoders = builder.info.features, decoders
        self._places: list[tuple[Path, int, int]] = []
        for part in builder.info.splits[split].file_instructions:
            path = Path(part.filename)
            places = list(_places(path))
            if len(places) != part.examples_in_shard:
                raise DataError(
                    f"{path} holds {counted(len(places), 'example')}, its dataset_info.json says "
                    f"{part.examples_in_shard}: prepare the data set again"
                )
            taken = slice(part.skip, None if part.take in (-1, None) else part.skip + part.take)
            self._places += [(path, start, length) for start, length in places[taken]]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        """Read one example, pictures as their encoded bytes."""
        path, start, length = self._places[index]
        with path.open("rb") as file:
            file.seek(start)
            return self._features.deserialize_example_np(file.read(length), decoders=self._decoders)


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
        raise DataError(f"{path} cannot be read ({error.strerror or error}): copy or prepare it again") from error
