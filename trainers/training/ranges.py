"""Which values settings can have."""

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import UsageError
from .config import RunConfig


def check_range(config: RunConfig, names: Iterable[str], sound: Callable[[Any], bool], what: str) -> None:
    """Refuse settings that are given but not `what` they must be."""
    for name in names:
        value = getattr(config, name)
        if value is not None and not sound(value):
            raise UsageError(f"--{name.replace('_', '-')} must be {what}, got {value}")
