"""Files wherever `tf.io.gfile` reaches: local ones by Python's own means, others by TensorFlow's file systems."""

from pathlib import Path
from typing import Any

from ...errors import DataError, first_line


def local_path(place: str) -> Path | None:
    """Give the path of a folder or file on this machine, also of `file://...`; None where it is elsewhere."""
    scheme, mark, rest = place.partition("://")
    if mark and scheme != "file":
        return None
    return Path(rest if mark else place).expanduser()


def within(folder: str, name: str) -> str:
    """Give the place of a file of a folder, as TensorFlow opens it."""
    path = local_path(folder)
    return f"{folder.rstrip('/')}/{name}" if path is None else str(path / name)


def size_of(place: str) -> int | None:
    """Give the bytes of a file; None where there is none, or no such file system."""
    import tensorflow as tf

    path = local_path(place)
    try:
        return int(tf.io.gfile.stat(place).length) if path is None else path.stat().st_size
    except (tf.errors.OpError, OSError):
        return None


def read_part(place: str, start: int = 0, length: int | None = None) -> bytes:
    """Read a file, or a part of it; DataError where it cannot be read."""
    import tensorflow as tf

    path = local_path(place)
    try:
        file: Any = tf.io.gfile.GFile(place, "rb") if path is None else path.open("rb")
        with file:
            file.seek(start)
            return bytes(file.read() if length is None else file.read(length))
    except (tf.errors.OpError, OSError) as error:
        said = getattr(error, "strerror", None) or first_line(error)
        raise DataError(f"{place} cannot be read ({said}): check the path, or pack the data again") from error
