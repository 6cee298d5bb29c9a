"""Many names in one piece of memory: as texts of their own, a million would take a hundred bytes more for each."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import overload

import numpy as np

from .ragged import Ragged

_AT_ONCE = 4096


class Names(Sequence[str]):
    """Texts that are never changed, packed; equal to a sequence of the same texts.

    Names of files that are no text keep their bytes, as `os.fsdecode` writes them.
    """

    __hash__ = None  # type: ignore[assignment]  # like a list's, since it is equal to one

    def __init__(self, texts: Iterable[str] = ()):
        data, lengths, rest = bytearray(), [np.zeros(0, np.int64)], iter(texts)
        while chunk := [text.encode("utf-8", "surrogatepass") for text in islice(rest, _AT_ONCE)]:
            data += b"".join(chunk)
            lengths.append(np.fromiter(map(len, chunk), np.int64, len(chunk)))
        self._rows = Ragged(np.frombuffer(bytes(data), np.uint8), np.cumsum(np.concatenate(lengths)))

    @classmethod
    def of_rows(cls, rows: Ragged) -> "Names":
        """Take the bytes uint8 of texts in UTF-8, a row each."""
        names = cls()
        names._rows = rows
        return names

    @classmethod
    def joined(cls, parts: "Sequence[Names]") -> "Names":
        """Put the texts of several one behind the other."""
        return cls.of_rows(Ragged.joined([part.rows for part in parts])) if parts else cls()

    @property
    def rows(self) -> Ragged:
        """The bytes uint8 of the texts, a row each."""
        return self._rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "Names": ...

    def __getitem__(self, index: int | slice) -> "str | Names":
        """Give a text, or some of them."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._rows[index].tobytes().decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        ends, start = self._rows.ends, 0
        for first in range(0, len(ends), _AT_ONCE):
            part = (ends[first : first + _AT_ONCE] - start).tolist()
            data = self._rows.values[start : start + part[-1]].tobytes()
            spans = zip([0, *part], part)
            if data.isascii():  # as nearly all names are: then letters are bytes
                text = data.decode("ascii")
                yield from [text[begin:end] for begin, end in spans]
            else:
                yield from [data[begin:end].decode("utf-8", "surrogatepass") for begin, end in spans]
            start += part[-1]

    def __contains__(self, text: object) -> bool:
        return any(text == one for one in self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Names):
            mine, others = self._rows, other._rows
            return np.array_equal(mine.ends, others.ends) and np.array_equal(mine.values, others.values)
        if isinstance(other, (list, tuple)):
            return len(self) == len(other) and all(one == another for one, another in zip(self, other))
        return NotImplemented

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, islice(self, 5)))
        return f"Names([{shown}{', ...' if len(self) > 5 else ''}])"

    def take(self, indices: np.ndarray) -> "Names":
        """Give some texts, in the order of the indices int [k]."""
        return Names.of_rows(self._rows.take(indices))

    def stems(self) -> "Names | None":
        """Give names of files without their endings, as `Path.stem` does; None where letters are more than bytes."""
        rows = self._rows
        if (rows.values > 127).any():
            return None
        dots = np.flatnonzero(rows.values == ord("."))
        last = np.full(len(rows), -1)
        last[np.searchsorted(rows.ends, dots, side="right")] = dots  # of several in a row the last one stays
        cut = (last > rows.starts) & (last < rows.ends - 1)
        return Names.of_rows(rows.beginnings(np.where(cut, last - rows.starts, rows.lengths)))

    def digest(self) -> str:
        """Give the SHA-256 of all texts in their order, as hexadecimal digits."""
        found = hashlib.sha256(self._rows.ends.tobytes())
        found.update(self._rows.values.tobytes())
        return found.hexdigest()


def packed(texts: Sequence[str]) -> Names:
    """Pack names, unless they are packed already."""
    return texts if isinstance(texts, Names) else Names(texts)


def chosen(texts: Sequence[str], indices: np.ndarray) -> Names:
    """Pack some of the names, in the order of the indices int [k]."""
    return texts.take(indices) if isinstance(texts, Names) else Names(texts[index] for index in indices.tolist())
