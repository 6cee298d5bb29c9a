"""What several long tests share: commands in forked children, and what must never be told to a user."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

from metricfit.app import cli

TELLTALES = ("Traceback", "unexpected error", "Error:", "node ", "--- Logging error")
"""What a sentence of the program's own has not, but exceptions and TensorFlow's graphs have."""


def command(words: list[str], log: Path, before: Callable[[], object] = lambda: None) -> tuple[int, str, str]:
    """Run a command line in a child of this process; gives its exit code, and what it wrote to stdout and stderr."""
    out, err = log.with_suffix(".out"), log.with_suffix(".err")
    child = os.fork()
    if not child:
        try:
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
            before()
            os._exit(cli.main(words))
        except SystemExit as end:
            os._exit(int(end.code or 0))
        except BaseException:
            traceback.print_exc()
            os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, out.read_text(errors="replace"), err.read_text(errors="replace")


def complaint(code: int, out: str, err: str, codes: tuple[int, ...] = (0, 1, 2, 3)) -> str:
    """Say what is wrong with how a command ended; empty where it was done or refused in one sentence."""
    if code not in codes:
        return f"exit code {code}"
    if found := [word for word in TELLTALES if word in out + err]:
        return f"said {found[0]!r}: {err.strip()[-300:]}"
    told = [line for line in err.splitlines() if line.startswith("metricfit:")]
    if code and (len(told) != 1 or not err.rstrip().endswith(told[0])):
        return f"exit code {code}, and not one sentence: {err.strip()[-300:]!r}"
    return ""
