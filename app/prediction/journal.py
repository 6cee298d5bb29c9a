"""The journal of a prediction: a line for each picture or video that is done, so that nothing done is lost."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ...trainers.errors import DataError, MetricfitError
from ...trainers.text import json_text

END = "end"
_BEGINNING = b'{"settings":'


class Journal:
    """A file of JSON lines that only grows: first what all is predicted with, then what is done, each by its key.

    A process that is killed loses at most the line that it was writing. A line is read from the file when it is asked
    for: of 100 000 pictures only the places of their lines are held.
    """

    def __init__(self, path: Path):
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}  # key -> where its line begins, and how long it is
        self._file: IO[bytes] | None = None
        self._size = 0

    def begin(self, settings: dict[str, Any]) -> None:
        """Begin anew."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w+b", buffering=0)
        except OSError as error:
            raise self._refused(error) from error
        self._write({"settings": settings})

    def go_on(self) -> dict[str, Any]:
        """Read what is there, drop what a kill left half-written, and go on behind it; gives the settings.

        Raises:
            DataError: it does not begin as a journal does.
        """
        try:
            self._file = self.path.open("r+b", buffering=0)
            settings = self._read_all(self._file)
            if settings is not None:  # what is no journal is somebody's
                self._file.truncate(self._size)
        except OSError as error:
            raise self._refused(error) from error
        if settings is None:
            self.close()
            raise DataError(f"{self.path} is not a prediction's journal: leave --resume out to begin anew")
        return settings

    def _read_all(self, file: IO[bytes]) -> dict[str, Any] | None:
        settings = None
        with open(os.dup(file.fileno()), "rb") as lines:
            for line in lines:
                found = _parsed(line)
                if found is None:
                    break
                if settings is None:
                    settings = found.get("settings")
                    if not isinstance(settings, dict):
                        return None
                elif isinstance(key := found.get("key"), str):
                    self._places[key] = self._size, len(line)
                self._size += len(line)
        return settings

    def add(self, key: str, line: dict[str, Any]) -> None:
        """Add what is done; MetricfitError where it cannot be written."""
        place = self._size
        self._write({**line, "key": key})
        self._places[key] = place, self._size - place

    def end(self) -> None:
        """Note that all was done."""
        self._write({END: len(self)})

    def forget(self, key: str) -> None:
        """Take a line for not there: what it tells of is to be done again."""
        self._places.pop(key, None)

    def __iter__(self) -> Iterator[str]:
        """Give the keys of all that is done."""
        return iter(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: str) -> dict[str, Any] | None:
        """Read what is noted of a key; None where it is not done."""
        return self[key] if key in self._places else None

    def __getitem__(self, key: str) -> dict[str, Any]:
        assert self._file is not None
        start, length = self._places[key]
        self._file.seek(start)
        line = b""
        while len(line) < length and (piece := self._file.read(length - len(line))):
            line += piece
        found: dict[str, Any] = json.loads(line)
        return found

    @property
    def size(self) -> int:
        """How long it is, in bytes."""
        return self._size

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._file is not None:
            self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        rest = data = (json_text(line) + "\n").encode()
        try:
            self._file.seek(self._size)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.truncate(self._size)
            raise self._refused(error) from error
        self._size += len(data)

    def _refused(self, error: OSError) -> MetricfitError:
        reason = error.strerror or error
        return MetricfitError(f"cannot write {self.path} ({reason}): check the folder and the space left")


def is_unfinished(path: Path) -> bool:
    """Tell whether a file is the journal of a prediction that did not come to its end."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 200))
            last = file.read().splitlines(keepends=True)[-1:]
    except FileNotFoundError:
        return False
    return not last or END not in (_parsed(last[0]) or {})


def is_foreign(path: Path) -> bool:
    """Tell whether a file of a journal's name is somebody else's, and no journal that was being begun either."""
    try:
        with path.open("rb") as file:
            first = file.readline(1 << 20)
    except FileNotFoundError:
        return False
    return not _BEGINNING.startswith(first[: len(_BEGINNING)])


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Read a line; None where it is not whole."""
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
