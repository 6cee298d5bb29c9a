"""The ways in which a command fails, each with its exit code. One sentence: expected, found, where, what to do."""

import re
import signal

_CLASS = re.compile(r"<(?:class |enum )?'?(?:[\w.]*\.)?(\w+)(?:'| object at 0x[0-9a-f]+)>")


def first_line(error: BaseException) -> str:
    """What an exception of a library says first, to be quoted in a sentence of ours; its kind where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = _CLASS.sub(r"\1", lines[0]) if lines else type(error).__name__
    return said if len(said) <= 200 else f"{said[:197]}..."


class MetricfitError(Exception):
    """The work could not be done."""

    exit_code = 1


class DivergedError(MetricfitError):
    """The loss of a training stopped being a number."""


class UsageError(MetricfitError):
    """What was asked for does not exist or does not fit together."""

    exit_code = 2


class DataError(MetricfitError):
    """The input data are at fault."""

    exit_code = 3


class Terminated(KeyboardInterrupt):
    """The machine asked the process to end (SIGTERM, SIGHUP): it unwinds as after Ctrl-C, with another exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.exit_code = 128 + number
