"""What a kind of file is to those who damage it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Format:
    """A kind of file. Those that libraries in C++ read are tried `apart`, as these may end the process."""

    name: str
    file: str
    seeds: tuple[bytes, ...]
    read: Callable[[Path], object]
    beside: Mapping[str, bytes] = field(default_factory=dict)
    apart: bool = False
