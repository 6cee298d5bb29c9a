"""Options from Python keywords, as the command line makes them from flags: the same names, defaults and errors."""

import contextlib
import dataclasses
import functools
import inspect
import logging
import os
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from ..trainers.errors import MetricfitError
from ..trainers.geometry import InputSize
from ..trainers.training.config_files import read_config
from ..trainers.training.filling import filled, is_required
from ..trainers.training.ranges import check_ranges

OptionsT = TypeVar("OptionsT")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def options_from(options_class: type[OptionsT], given: Mapping[str, Any], call: str) -> OptionsT:
    """Make an options object, a frozen dataclass whose fields are the keywords; errors name the function called.

    Paths and numbers are taken where a text is expected, lists and single values where several are, and mappings for
    the options below another, such as `augmentation={"flip": False}`, and for NAME=VALUE. `config` names a file whose
    settings are the defaults, where there is such a field.
    """
    hints = typing.get_type_hints(options_class)
    values = {name: _converted(value, hints.get(name)) for name, value in given.items()}
    options = filled(options_class, values, call)
    if values.get("config"):
        options = _over(read_config(values["config"], options_class), options, values)
    check_ranges(options)
    return options


def _over(kept: Any, options: Any, given: Mapping[str, Any]) -> Any:
    """Give kept options with those of `options` that are given, also of the options below others."""
    return dataclasses.replace(
        kept,
        **{
            name: _over(getattr(kept, name), getattr(options, name), value)
            if isinstance(value, Mapping) and dataclasses.is_dataclass(getattr(kept, name))
            else getattr(options, name)
            for name, value in given.items()
        },
    )


def keywords_of(options_class: type, *, further: Iterable[type] = ()) -> Callable[[FunctionT], FunctionT]:
    """Show a function in `help()` and editors with its `**flags` spelled out.

    Where there are `further` classes of options, their keywords are taken as well, and `**flags` stays.
    """
    besides = [field.name for known in further for field in dataclasses.fields(known)]

    def decorated(function: FunctionT) -> FunctionT:
        own, hints = inspect.signature(function), typing.get_type_hints(options_class)
        *first, flags = own.parameters.values()
        keyword = functools.partial(inspect.Parameter, kind=inspect.Parameter.KEYWORD_ONLY)
        keywords = [
            keyword(field.name, default=_default(field), annotation=hints[field.name])
            for field in dataclasses.fields(options_class)
            if field.name not in own.parameters
        ]
        shown = own.replace(parameters=[*first, *keywords, *([flags] if besides else [])])
        return _called_from_python(function, shown, besides)

    return decorated


def of_python(function: FunctionT) -> FunctionT:
    """Let a function with all its keywords in its signature speak of keywords, and be quiet when told so."""
    return _called_from_python(function, inspect.signature(function))


def _called_from_python(function: FunctionT, shown: inspect.Signature, besides: Iterable[str] = ()) -> FunctionT:
    names = "|".join(sorted({*shown.parameters, *besides}, key=len, reverse=True)).replace("_", "-")
    flag = re.compile(rf"(?<![\w-])--((?:{names})(?![\w-]))")

    @functools.wraps(function)
    def called(*arguments: Any, **keywords: Any) -> Any:
        with _quietly() if keywords.get("quiet") else contextlib.nullcontext():
            try:
                return function(*arguments, **keywords)
            except MetricfitError as error:
                # What is typed as --batch-size is batch_size here.
                error.args = (flag.sub(lambda found: found[1].replace("-", "_"), str(error)),)
                raise

    typing.cast(Any, called).__signature__ = shown
    return typing.cast(FunctionT, called)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Let the program log warnings alone: whoever logs all there is, as absl does, would show its progress."""
    log = logging.getLogger("metricfit")
    level = log.level
    log.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        log.setLevel(level)


def _converted(value: Any, hint: Any) -> Any:
    """Bring a Python value to what the flag's text would have become."""
    value = _plain(value) if isinstance(value, np.generic) else value
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    several = any(typing.get_origin(kind) is tuple for kind in kinds)
    if several and isinstance(value, Mapping):
        return tuple(f"{name}={setting}" for name, setting in value.items())
    if several and isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    if several and isinstance(value, str | int | float | os.PathLike) and hint != InputSize:
        return _converted([value], hint)
    if str in kinds and isinstance(value, os.PathLike):
        return os.fspath(value)
    if str in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if is_required(field) else field.default
