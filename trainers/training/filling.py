"""Options, as frozen data, of values by name: whose names and types are checked, and said in plain words."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from ..errors import UsageError
from ..geometry import InputSize, input_size
from ..text import shown

OptionsT = TypeVar("OptionsT")


def filled(options_class: type[OptionsT], values: Mapping[str, Any], where: str) -> OptionsT:
    """Make options of values by name; lists become tuples, and mappings the options below others.

    Raises:
        UsageError: an unknown name, one that is missing, or a value of another type; it says `where` they come from.
    """
    hints = typing.get_type_hints(options_class)
    found = {}
    for name, value in values.items():
        if name not in hints or not isinstance(name, str):
            near = difflib.get_close_matches(str(name), hints, n=1)
            advice = f"did you mean {near[0]}?" if near else f"choose among {', '.join(hints)}"
            called = name if str(name).isidentifier() and len(name) < 40 else shown(name)
            raise UsageError(f"unknown setting {called} in {where}: {advice}")
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, Mapping):
            value = filled(typing.cast(type, hints[name]), value, f"{where}, {name}")
        elif hints[name] == InputSize:
            value = _size(value)
        elif isinstance(value, list):
            value = tuple(value)
        if not _fits(value, hints[name]):
            raise UsageError(f"{name} in {where} must be {in_words(hints[name])}, got {_as_given(value)}")
        if any(_is_odd(text) for text in (value if isinstance(value, tuple) else (value,))):
            raise UsageError(f"{name} in {where} holds characters that no name has, got {shown(value)}: write it again")
        found[name] = value
    required = [field.name for field in dataclasses.fields(typing.cast(Any, options_class)) if is_required(field)]
    if missing := [name for name in required if name not in found]:
        raise UsageError(f"{where} needs {' and '.join(missing)}")
    return options_class(**found)


def _size(given: Any) -> Any:
    """Read the size of a network's input; what is none stays as it is."""
    try:
        return input_size(given)
    except ValueError:
        return given


def is_required(setting: dataclasses.Field[Any]) -> bool:
    """Tell whether an option has no default."""
    return setting.default is dataclasses.MISSING and setting.default_factory is dataclasses.MISSING


_WORDS = {
    bool: ("true or false", "true or false"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    Path: ("a path", "paths"),
    types.NoneType: ("none", "none"),
}


def in_words(hint: Any, *, several: bool = False) -> str:
    """Say in plain words what an option takes, such as `a whole number or none`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint == InputSize:
        return "a side such as 192, or height x width such as 256x448"
    if origin is typing.Annotated:
        return in_words(arguments[0], several=several)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(in_words(argument, several=several) for argument in arguments)
    if origin is tuple and arguments[-1] is ...:
        return f"a list of {in_words(arguments[0], several=True)}"
    if origin is tuple:
        return f"{len(arguments)} {in_words(arguments[0], several=True)}"
    return _WORDS[hint][several] if hint in _WORDS else "settings by name"


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return any(value == argument and isinstance(value, type(argument)) for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is tuple:
        kinds = (arguments[0],) * len(value) if arguments[-1] is ... and isinstance(value, tuple) else arguments
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)


def _as_given(value: Any) -> str:
    """Quote a value as the file or call had it: what became a tuple was a list."""
    return shown(list(value) if isinstance(value, tuple) else value)


def _is_odd(text: Any) -> bool:
    """Tell whether a text has characters that no path can have: NUL, or half of a pair of UTF-16."""
    return isinstance(text, str) and any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text)
