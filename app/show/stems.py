"""What the files that are made of a picture or video are called: by its name, each by one of its own."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ...trainers.data.images import PICTURE_SUFFIXES
from .inputs import VIDEO_SUFFIXES

LONGEST = 216
"""Bytes of a stem: file systems allow 255 a name, which has a number, a suffix and more besides."""
# What no file of ours is called: control characters, such as a line's end, and bytes that are no text.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def unique_stems(names: Iterable[str], given: Mapping[int, str] | None = None, others: Iterable[str] = ()) -> list[str]:
    """Give every picture a stem of its own, even where case is ignored: of equal ones, later get -2, -3 and so on.

    `given` are the stems that some have already, by their place among the names; `others` those of other pictures.
    """
    given = given or {}
    own = [_own(name) for name in names]
    reserved = {stem.casefold() for stem in own}
    taken = {stem.casefold() for stem in (*given.values(), *others)}
    numbers: dict[str, int] = {}  # the last one that a stem has got: 100 000 may be equal
    stems = []
    for place, stem in enumerate(own):
        if place in given:
            stems.append(given[place])
            continue
        number = numbers.get(stem.casefold(), 1)
        free = stem if number == 1 else f"{stem}-{number}"
        while free.casefold() in taken or (number > 1 and free.casefold() in reserved):
            number += 1
            free = f"{stem}-{number}"
        numbers[stem.casefold()] = number
        taken.add(free.casefold())
        stems.append(free)
    return stems


def shortened(stem: str) -> str:
    """Cut a stem to the bytes that a name has room for, at the end of a letter."""
    encoded = stem.encode("utf-8", "surrogateescape")
    return stem if len(encoded) <= LONGEST else encoded[:LONGEST].decode("utf-8", "ignore")


def renamed(name: str) -> bool:
    """Tell whether what is made of a picture cannot be called as it is: its name is too long, or no writable text."""
    return _own(name) != _stem(name)


def _own(name: str) -> str:
    return shortened(_UNWRITABLE.sub("_", _stem(name)))


def _stem(name: str) -> str:
    path = Path(name)
    return path.stem if path.suffix.lower() in PICTURE_SUFFIXES + VIDEO_SUFFIXES else path.name
