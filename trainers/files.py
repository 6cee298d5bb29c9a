"""Files that are whole or absent: written beside, then renamed."""

import contextlib
import json
import os
from pathlib import Path


@contextlib.contextmanager
def written_beside(path):
    """Give a path beside `path` to write to, and rename it to `path` when the block ends without an error.

    The name ends as `path` does, since writers choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path, text: str) -> Path:
    """Write a text file whole or not at all; gives its path."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path, data) -> Path:
    """Write data as indented JSON, whole or not at all; gives the path."""
    return write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
