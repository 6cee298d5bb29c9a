"""End workers of a training at random, by SIGKILL, SIGTERM or Ctrl-C; all go on to the bits of one that nobody ended.

Each try is a training by two processes, one of which gets a signal after so many steps, up to three times; then both
train to the end. Weights, optimizer and history are compared with those of two processes that nobody ended, and the
weights with those of one device, too. Before that one of two hangs, or is stopped: the other ends in a sentence.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.trainers.training.devices.workers import HANGS, TOLERANCE, TRAIN, difference, run, state, told

STEPS = 6
ENDS = {signal.SIGKILL: [1, -signal.SIGKILL], signal.SIGTERM: [143, 143], signal.SIGINT: [130, 130]}


def ended(folder: Path, place: random.Random, times: int, whole: dict[str, np.ndarray]) -> list[str]:
    """End a training so often, let it come to its end, and compare; gives what is wrong."""
    words, wrong = [*TRAIN, "--out", str(folder)], []
    for turn in range(times):
        number, worker, step = place.choice(list(ENDS)), place.randrange(2), place.randint(1, STEPS - 1)
        codes = run(words, folder.parent / f"{folder.name}-{turn}", 2, (worker, number, step))
        expected = ENDS[number] if worker else ENDS[number][::-1]
        if codes not in (expected, [0, 0]):  # it may have come to its end before
            wrong.append(f"{number.name} to worker {worker} after step {step} ended with {codes}, not {expected}")
    logs = folder.parent / f"{folder.name}-last"
    if (codes := run(words, logs, 2)) != [0, 0]:
        return [*wrong, f"the continuation ended with {codes}: {told(logs)[-2000:]}"]
    found = state(folder)
    return [*wrong, *(f"{name} differs" for name in whole if not np.array_equal(found[name], whole[name]))]


def left_waiting(folder: Path, number: int) -> str:
    """Let one of two processes hang, or stop it; gives what is wrong with how the other ends."""
    began, logs = time.monotonic(), folder / f"logs-{number}"
    codes = run([*TRAIN, "--out", str(folder / f"hung-{number}")], logs, 2, (1, number, 3), minutes=0.5)
    said = (logs / "0.log").read_text(errors="replace")
    print(f"the other ended after {time.monotonic() - began:.0f} s: {said.strip().splitlines()[-1]}", flush=True)
    told = "no word from it for 0.5 minutes (--wait-minutes)" if number == HANGS else ""
    if codes != [1, -signal.SIGKILL] or "another worker of this training is gone" not in said or told not in said:
        return f"ended with {codes}: {said[-1000:]}"
    return ""


def main() -> int:
    """Read the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    place, failed = random.Random(arguments.seed), 0
    with tempfile.TemporaryDirectory() as name:
        for number, what in ((HANGS, "hangs"), (signal.SIGSTOP, "is stopped")):
            wrong = left_waiting(Path(name), number)
            failed += bool(wrong)
            print(f"one of two {what}: {wrong or 'the other says so'}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for out, workers in (("one", 1), ("two", 2)):
            codes = run([*TRAIN, "--out", str(folder / out)], folder / f"{out}-logs", workers)
            assert codes == [0] * workers, told(folder / f"{out}-logs")
        whole = state(folder / "two")
        apart = difference(whole, state(folder / "one"))
        print(f"two processes and one device: weights differ by {apart:.1e}", flush=True)
        for number in range(arguments.times):
            began, times = time.monotonic(), place.randint(1, 3)
            wrong = ended(folder / f"run-{number}", place, times, whole)
            failed += bool(wrong)
            print(
                f"{number}: ended {times} times: {', '.join(wrong) or 'same bits'} ({time.monotonic() - began:.0f} s)",
                flush=True,
            )
    tried = arguments.times + 2
    print(f"workers: tried {tried}, passed {tried - failed}, failed {failed}")
    return 1 if failed or apart > TOLERANCE else 0


if __name__ == "__main__":
    sys.exit(main())
