"""Room on the disk that is kept, so that a full one still holds the list of what was done."""

import os
import tempfile
from pathlib import Path
from typing import IO

from ...trainers.errors import MetricfitError

_PIECE = 1 << 20


class Reserve:
    """Room in a folder that nobody else gets until it is given back; the system does so when the process is killed."""

    def __init__(self, folder: Path):
        self._folder, self._size = folder, 0
        self._file: IO[bytes] | None = None

    def hold(self, size: int) -> None:
        """Keep so many bytes, or more if more were kept before; MetricfitError where there are no longer as many."""
        try:
            # It has no name, or loses it with the process.
            self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file.fileno(), 0, max(size, self._size))
            else:
                while self._size < size:
                    self._size += self._file.write(bytes(_PIECE))
                self._file.flush()
        except OSError as error:
            reason = error.strerror or error
            raise MetricfitError(f"cannot write into {self._folder} ({reason}): check the space left") from error
        self._size = max(size, self._size)

    def release(self) -> None:
        """Give the room back; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None
