"""Options, as frozen data, of values by name: whose names and types are checked, and said in plain words."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from ..errors import UsageError

OptionsT = TypeVar("OptionsT")


def filled(options_class: type[OptionsT], values: Mapping[str, Any], where: str) -> OptionsT:
    """Make options of values by name; lists become tuples, and mappings the options below others.

    Raises:
        UsageError: an unknown name, one that is missing, or a value of another type; it says `where` they come from.
    """
    hints = typing.get_type_hints(options_class)
    found = {}
    for name, value in values.items():
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            advice = f"did you mean {near[0]}?" if near else f"choose among {', '.join(hints)}"
            raise UsageError(f"unknown setting {name} in {where}: {advice}")
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, Mapping):
            value = filled(typing.cast(type, hints[name]), value, f"{where}, {name}")
        elif isinstance(value, list):
            value = tuple(value)
        if not _fits(value, hints[name]):
            raise UsageError(f"{name} in {where} must be {hints[name]}, got {value!r}")
        found[name] = value
    required = [field.name for field in dataclasses.fields(typing.cast(Any, options_class)) if is_required(field)]
    if missing := [name for name in required if name not in found]:
        raise UsageError(f"{where} needs {' and '.join(missing)}")
    return options_class(**found)


def is_required(setting: dataclasses.Field[Any]) -> bool:
    """Tell whether an option has no default."""
    return setting.default is dataclasses.MISSING and setting.default_factory is dataclasses.MISSING


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is tuple:
        return isinstance(value, tuple)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)
