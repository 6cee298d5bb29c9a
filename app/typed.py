"""What was typed as options: read by tyro, with its errors about values said in one plain sentence."""

import contextlib
import dataclasses
import io
import re
import sys
import typing
from typing import Any

import tyro

from ..trainers.errors import UsageError
from ..trainers.text import shown
from ..trainers.training.filling import in_words

_WRONG = re.compile(r"Error parsing (?P<flag>--[\w.-]+):|invalid choice .* for argument '(?P<choice>--[\w.-]+)'")


def read_typed(name: str, options_class: type, arguments: list[str], **settings: Any) -> Any:
    """Make a verb's options of its command line; UsageError names a flag whose value is none that it takes.

    For other mistakes, as for `--help`, what tyro has to say is printed, and SystemExit raised.
    """
    said = io.StringIO()
    # Whether it may draw in colour is asked of what it writes to.
    said.isatty = sys.stderr.isatty  # type: ignore[method-assign]
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(options_class, prog=f"metricfit {name}", args=arguments, **settings)
    except SystemExit:
        plain = " ".join(re.sub(r"\x1b\[[\d;]*m|[│╭╮╰╯─]", " ", said.getvalue()).split())
        if (found := _WRONG.search(plain)) and (hint := _hint(options_class, flag := found["flag"] or found["choice"])):
            given = ", ".join(shown(word) for word in _values_of(flag, arguments)) or "none"
            raise UsageError(f"{flag} must be {in_words(hint)}, got {given}: see metricfit {name} --help") from None
        sys.stderr.write(said.getvalue())
        raise


def value_of(flag: str, arguments: list[str]) -> str | None:
    """Give the first value that follows a flag; None where it was not typed."""
    return next(iter(_values_of(flag, arguments)), None)


def _values_of(flag: str, arguments: list[str]) -> list[str]:
    for place, argument in enumerate(arguments):
        if argument.startswith(f"{flag}="):
            return [argument.partition("=")[2]]
        if argument == flag:
            following = arguments[place + 1 :]
            ends = [index for index, word in enumerate(following) if word.startswith("--")]
            return following[: min(ends, default=len(following))]
    return []


def _hint(options_class: type, flag: str) -> Any:
    """Give the type of an option, also of one below another: `--augmentation.hue`; None for one that is not known."""
    *within, last = flag.removeprefix("--").replace("-", "_").split(".")
    for name in within:
        inner = typing.get_type_hints(options_class).get(name)
        if not dataclasses.is_dataclass(inner):
            return None
        options_class = typing.cast(type, inner)
    return typing.get_type_hints(options_class).get(last)
