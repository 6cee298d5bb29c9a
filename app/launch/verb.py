"""The verb `launch`: a cluster of workers on this machine, to try out a training on several."""

import contextlib
import logging
import os
import signal
import sys

from ...trainers.errors import DataError, MetricfitError, Terminated, UsageError
from ...trainers.text import counted
from .cluster import environments, free_ports, visible_gpus
from .options import LaunchOptions
from .workers import Workers

log = logging.getLogger("metricfit")

STRATEGY = "--strategy"

FINAL = (UsageError.exit_code, DataError.exit_code)
"""Exit codes after which the same command would fail again."""


def run(options: LaunchOptions) -> int:
    """Start the workers and wait for them, as often as they may start; gives the exit code."""
    command, gpus = command_of(options), visible_gpus()
    for again in range(1, options.restarts + 2):
        workers = Workers(command, environments(free_ports(options.workers), gpus))
        failed, code = _waited(workers, options.grace)
        if not code:
            return 0
        how = f"worker {failed} {_ended(code)}"
        if again > options.restarts or code in FINAL:
            raise FailedError(f"{how}, and the others were ended with it", code)
        log.warning("%s: all start again, from the last checkpoint (%d of %d)", how, again, options.restarts)
    return 0


class FailedError(MetricfitError):
    """A worker failed; the program ends as it did."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.exit_code = code if code > 0 else 128 - code


def _waited(workers: Workers, grace: float) -> tuple[int, int]:
    """Wait for workers; gives which of them failed and its exit code, 0 if none did. A signal ends them all."""
    try:
        named = ", ".join(f"{index}: process {pid}" for index, pid in enumerate(workers.pids))
        log.info("%s on this machine (%s)", counted(len(workers.pids), "worker"), named)
        codes = workers.wait()
    except KeyboardInterrupt as asked:
        number = signal.SIGTERM if isinstance(asked, Terminated) else signal.SIGINT
        workers.end(number, grace)
        raise
    failed = [index for index, code in enumerate(codes) if code]
    if not failed:
        return 0, 0
    # Of several that failed at once, one that was killed has taken the others with it.
    first = min(failed, key=lambda index: (codes[index] or 0) > 0)
    workers.end(signal.SIGTERM, grace)
    return first, codes[first] or 0


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):  # signals of real time have no names
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


def command_of(options: LaunchOptions) -> list[str]:
    """Give the command of each worker; UsageError where it is no training."""
    words = list(options.command)
    if words[:1] != ["train"]:
        got = f"got {' '.join(words[:2])}" if words else "there is nothing behind it"
        raise UsageError(
            f"behind -- stands the training to start, and {got}: such as "
            "metricfit launch --workers 2 -- train saliency --data photos --out runs/photos"
        )
    if "TF_CONFIG" in os.environ:
        raise UsageError(
            "TF_CONFIG is set: this process is a worker already, so start the training itself, or unset it"
        )
    strategy = next((place for place, word in enumerate(words) if word.partition("=")[0] == STRATEGY), None)
    if strategy is None:
        words += [STRATEGY, "multi_worker"]
    elif "multi_worker" not in (words[strategy].partition("=")[2], *words[strategy + 1 : strategy + 2]):
        raise UsageError(f"launch starts workers of {STRATEGY} multi_worker: leave {STRATEGY} out")
    return [sys.executable, "-m", __package__.partition(".")[0], *words]
