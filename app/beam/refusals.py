"""What a worker refuses, brought home as the sentence that it is: runners pass on the text of a traceback alone."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ...trainers import errors
from ...trainers.errors import MetricfitError, first_line

_MARK = re.compile(r"metricfit-refusal:([A-Za-z0-9+/=]+):")


class Refused(Exception):
    """An error of ours on a worker: readable in the worker's log, and to be found in any text around it."""

    def __init__(self, error: MetricfitError):
        told = base64.b64encode(json.dumps([type(error).__name__, str(error)]).encode()).decode()
        super().__init__(f"{error} (metricfit-refusal:{told}:)")


@contextmanager
def refusals_marked() -> Iterator[None]:
    """Mark the errors of ours that are raised within, so that `from_runner` finds them."""
    try:
        yield
    except MetricfitError as error:
        raise Refused(error) from error


def from_runner(error: BaseException, runner: str) -> MetricfitError:
    """Give what a runner raised as the error of ours that it was on a worker, or else as one about the runner."""
    seen: BaseException | None = error
    while seen is not None:
        if found := _MARK.search(str(seen)):
            kind, text = json.loads(base64.b64decode(found[1]))
            known = getattr(errors, kind, MetricfitError)
            told: MetricfitError = known(text)
            return told
        seen = seen.__cause__ or seen.__context__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Of a traceback from a worker, its last line says what it was.
    said = next((line for line in reversed(lines) if re.match(r"[\w.]+(Error|Exception|Interrupt)\b", line)), "")
    reason = first_line(Exception(said)) if said else first_line(error)
    return MetricfitError(
        f"the runner {runner} could not do it ({type(error).__name__}: {reason}): the same command with --debug shows "
        "all that it said"
    )
