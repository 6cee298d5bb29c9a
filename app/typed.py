"""What was typed as options: read by tyro, with its errors about values said in one plain sentence."""

import contextlib
import dataclasses
import difflib
import io
import re
import sys
import typing
from typing import Any

import tyro

from ..trainers.errors import UsageError
from ..trainers.text import cut, shown
from ..trainers.training.filling import in_words

_WRONG = re.compile(
    r"Error parsing (?:-\w/)?(?P<flag>--[\w.-]+):|invalid choice .* for argument '(?:-\w/)?(?P<choice>--[\w.-]+)'|"
    r"Missing value for argument '(?:-\w/|\('-\w', ')?(?P<alone>--[\w.-]+)'"
)
_ONCE = ("--guarantee",)
"""Flags of which several look as if all of them counted; of others the last one counts."""
_PLACED = re.compile(r"invalid choice '(?P<given>.*)' for argument '(?P<choice>\w+)'|Missing value for argument '\w+'")
_POSITIONAL = typing.get_args(tyro.conf.Positional[str])[1]
_UNKNOWN = re.compile(r"Unrecognized options?: (?P<words>.+?) For full helptext")


def read_typed(name: str, options_class: type, arguments: list[str], **settings: Any) -> Any:
    """Make a verb's options of its command line; UsageError says what is wrong with it, in one sentence.

    For `--help`, and what tyro says in words that are not known here, that is printed, and SystemExit raised.
    """
    if "--" in arguments and "runner_options" in {field.name for field in dataclasses.fields(options_class)}:
        # What a runner is told looks like flags of ours.
        place = arguments.index("--")
        options = read_typed(name, options_class, arguments[:place], **settings)
        return dataclasses.replace(options, runner_options=(*options.runner_options, *arguments[place + 1 :]))
    for flag in _ONCE:
        if (times := _flags_in(arguments).count(flag)) > 1:
            raise UsageError(f"{flag} is given {times} times, and the last alone would count: give it once")
    said = io.StringIO()
    # Whether it may draw in colour is asked of what it writes to.
    said.isatty = sys.stderr.isatty  # type: ignore[method-assign]
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(options_class, prog=f"metricfit {name}", args=arguments, **settings)
    except SystemExit:
        plain = " ".join(re.sub(r"\x1b\[[\d;]*m|[│╭╮╰╯─]", " ", said.getvalue()).split())
        if told := _told(name, options_class, arguments, plain):
            raise UsageError(f"{told}: see metricfit {name} --help") from None
        sys.stderr.write(said.getvalue())
        raise


def flags_of(options_class: type, within: str = "") -> list[str]:
    """List the flags that options have, also short ones, those below others with dots; none for what has a place."""
    flags = []
    for name, kind in typing.get_type_hints(options_class, include_extras=True).items():
        flag = f"{within}{_name_of(name, kind)}"
        if dataclasses.is_dataclass(plain := _plain(kind)):
            flags += flags_of(typing.cast(type, plain), f"{flag}.")
        elif not _is_positional(kind):
            short = [alias for part in typing.get_args(kind) for alias in getattr(part, "aliases", None) or ()]
            flags += [f"--{flag}", *short]
    return flags


def _name_of(field: str, kind: Any) -> str:
    """Name the flag of a field, which tyro may have been told."""
    told = (getattr(part, "name", None) for part in typing.get_args(kind))
    return next((name for name in told if isinstance(name, str)), field.replace("_", "-"))


def _told(name: str, options_class: type, arguments: list[str], plain: str) -> str:
    """Say in a few words what tyro says of a command line; empty where it says something else."""
    if found := _WRONG.search(plain):
        flag = found["flag"] or found["choice"] or found["alone"]
        given = ", ".join(shown(word) for word in _values_of(flag, arguments)) or "none"
        return f"{flag} must be {in_words(hint)}, got {given}" if (hint := _hint(options_class, flag)) else ""
    found, placed = _UNKNOWN.search(plain), _PLACED.search(plain)
    known = flags_of(options_class)
    if (found or placed) and (unknown := [flag for flag in _flags_in(arguments) if not _is_known(flag, known)]):
        near = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.8)
        return f"metricfit {name} does not know {cut(unknown[0])}{f', maybe {near[0]} is meant' if near else ''}"
    if found:
        made = next((flag for flag in ("--out", "--to") if flag in known and not _flags_in(arguments)), "")
        hint = f" ({made} names what is made)" if made else ""
        return f"metricfit {name} takes nothing more, got {cut(found['words'].rstrip('- '))}{hint}"
    if placed and placed["choice"] and (kind := _hint(options_class, placed["choice"])):
        return f"{placed['choice'].upper()} must be {in_words(kind)}, got {shown(placed['given'])}"
    if "Missing from" in plain:
        listed = plain.partition("Missing from")[2]
        missing = [said for typed, said in _required(options_class) if re.search(rf"(?<!\S){re.escape(typed)}", listed)]
        return f"metricfit {name} needs {' and '.join(missing)}" if missing else ""
    return ""


def _flags_in(arguments: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in arguments if re.match(r"--?[^\d\W]", word)]


def _is_known(flag: str, known: list[str]) -> bool:
    flag = "--" + flag[2:].replace("_", "-") if flag.startswith("--") else flag
    return flag in known or re.sub(r"^--((?:[\w-]+\.)*)no-", r"--\1", flag) in known


def _required(options_class: type) -> list[tuple[str, str]]:
    """Name what has no default, as tyro does and as a sentence does: flags, and what is given by its place."""
    kinds, found = typing.get_type_hints(options_class, include_extras=True), []
    for one in dataclasses.fields(options_class):
        if one.default is not dataclasses.MISSING or one.default_factory is not dataclasses.MISSING:
            continue
        kind, flag = kinds[one.name], f"--{one.name.replace('_', '-')}"
        plain = _plain(kind)
        named = next((part.metavar for part in typing.get_args(kind) if getattr(part, "metavar", None)), None)
        if not _is_positional(kind):
            found.append((flag, flag))
        elif named:
            found.append((named, named))
        else:
            found.append((f"{{{typing.get_args(plain)[0]},", in_words(plain)))
    return found


def _is_positional(kind: Any) -> bool:
    return _POSITIONAL in typing.get_args(kind)


def _plain(kind: Any) -> Any:
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


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
    *within, last = flag.removeprefix("--").split(".")
    for name in within:
        inner = _hints(options_class).get(name)
        if not dataclasses.is_dataclass(inner):
            return None
        options_class = typing.cast(type, inner)
    return _hints(options_class).get(last)


def _hints(options_class: type) -> dict[str, Any]:
    """Give the types of options by the names of their flags."""
    plain = typing.get_type_hints(options_class)
    whole = typing.get_type_hints(options_class, include_extras=True)
    return {_name_of(field, kind): plain[field] for field, kind in whole.items()}
