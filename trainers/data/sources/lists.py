"""Lists of names of pictures, a line each, such as PATH/train.txt: which pictures the lines mean."""

import re
from collections.abc import Callable
from pathlib import Path

from ...errors import DataError
from ...text import composed, read_text
from ..images import PICTURE_SUFFIXES


def stem_of(entry: str) -> str:
    """Read a line of a split list, a name with or without extension or folder, as a stem."""
    name = entry.replace("\\", "/").rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[0] if name.lower().endswith(PICTURE_SUFFIXES) else name


def read_list(path: Path, meant: Callable[[str], str | None]) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Read a split's list: the stem that each entry means -> the entry, and what is at fault as (entry, sentence)."""
    chosen: dict[str, str] = {}
    faults = []
    text = read_text(path, lambda text: any(_meant(one, meant) for one in _entries(text, meant) if not one.isascii()))
    for entry in _entries(text, meant):
        stem = _meant(entry, meant)
        if stem is None:
            faults.append((entry, f"{path} names {entry}, and there is no such picture: correct the list"))
        elif stem in chosen:
            faults.append((f"{entry} (again)", f"{path} names {entry} twice: remove one line"))
        else:
            chosen[stem] = entry
    if not chosen and not faults:
        raise DataError(f"{path} is empty: write the name of one picture in each line")
    return chosen, tuple(faults)


def _entries(text: str, meant: Callable[[str], str | None]) -> list[str]:
    """Give the lines that say something, without blanks and quotes around, unless a picture is called so."""
    lines = re.split(r"\r\n?|\n", composed(text))
    return [entry for line in lines if (entry := line if meant(line) else line.strip(" \t\"'\ufeff"))]


def _meant(entry: str, meant: Callable[[str], str | None]) -> str | None:
    """Give the stem that a line means; it may name a picture and its partner, which have the same stem."""
    columns = re.split(r"[\s,;]+", entry)
    pair = len(columns) > 1 and len(set(map(stem_of, columns))) == 1
    return meant(entry) or (meant(columns[0]) if pair else None)
