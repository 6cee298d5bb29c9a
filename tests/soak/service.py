"""A tf.data service of processes, begun as docs/data.md says: the stream is the same whatever becomes of its workers.

python -m tests.soak.service --times 3 --seed 0
"""

import argparse
import contextlib
import logging
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from metricfit.trainers.data.augmentation.settings import Augmentation
from metricfit.trainers.data.batches import service
from metricfit.trainers.data.batches.pipeline import training_batches
from metricfit.trainers.data.packed.packing import pack
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS

ROOT = Path(__file__).parents[2]
PICTURES, BATCH = 60, 6
ENDS = ("nothing", "one worker", "all workers", "all workers, others come", "the dispatcher")
SETTINGS: dict[str, Any] = {"size": 32, "batch_size": BATCH, "seed": 5, "resizing": "stretch", "cache_mib": 0}


def written_commands() -> tuple[str, str]:
    """Give the commands of a dispatcher and of a worker as the page has them."""
    page = (ROOT / "docs/data.md").read_text()
    dispatcher, worker = re.findall(r"^    (python -c .*experimental import service.*)$", page, re.MULTILINE)
    return dispatcher, worker


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return int(one.getsockname()[1])


class Processes:
    """A dispatcher, and workers, each a process of its own."""

    def __init__(self) -> None:
        self.port, self.workers = free_port(), list[subprocess.Popen[bytes]]()
        self._commands = written_commands()
        self.dispatcher = self._start(self._commands[0].replace("5050", str(self.port)), self.port)

    @property
    def address(self) -> str:
        """The dispatcher's, as a training is given it."""
        return f"grpc://localhost:{self.port}"

    def add_worker(self) -> None:
        """Start another worker."""
        port = free_port()
        command = self._commands[1].replace("DISPATCHER:5050", f"localhost:{self.port}").replace("5051", str(port))
        self.workers.append(self._start(command.replace("THIS", "localhost"), port))

    def _start(self, command: str, port: int) -> "subprocess.Popen[bytes]":
        words = [sys.executable, *shlex.split(command)[1:]]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection(("localhost", port), timeout=1).close()
                return process
            if process.poll() is not None:
                break
            time.sleep(0.2)
        process.kill()
        raise RuntimeError(f"{command} does not listen at {port}, it ended with {process.wait()}")

    def end(self, end: str) -> None:
        """Do what happens in the middle of a training."""
        lost = {"nothing": 0, "one worker": 1, "the dispatcher": 0}.get(end, len(self.workers))
        for process in self.workers[:lost]:
            process.send_signal(signal.SIGKILL)
        if end == "the dispatcher":
            self.dispatcher.send_signal(signal.SIGKILL)
        if "others come" in end:
            self.add_worker()

    def close(self) -> None:
        """End all of them."""
        for process in (self.dispatcher, *self.workers):
            process.kill()
            process.wait()


def batches(text: str, steps: int, address: str | None = None) -> Iterator[tuple[np.ndarray, ...]]:
    """Give the first batches of a stream."""
    stream = training_batches(
        open_source(text), TARGETS["mask"], augmentation=Augmentation(), data_service=address, **SETTINGS
    )
    for batch in stream.take(steps):
        yield tuple(map(np.asarray, batch))


def attempt(folder: Path, end: str, after: int, steps: int) -> tuple[str, list[str]]:
    """Let something end after so many steps; gives what is wrong, empty if nothing is, and what was said."""
    text = pack(Subset(Scenes("val"), range(PICTURES)), str(folder / "out"), needs="mask", shards=3, quiet=True).source
    meant, said = list(batches(text, steps)), list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("metricfit").addHandler(handler)
    processes = Processes()
    try:
        for _ in range(2):
            processes.add_worker()
        for number, (batch, other) in enumerate(zip(batches(text, steps, processes.address), meant, strict=True)):
            if not all(np.array_equal(values, expected) for values, expected in zip(batch, other)):
                return f"batch {number} is another", said
            if number == after:
                processes.end(end)
    finally:
        processes.close()
        logging.getLogger("metricfit").removeHandler(handler)
    # Whether one that is lost is missed for so long depends on what it had taken.
    if end in ("nothing", "all workers", "the dispatcher") and bool(said) != (end != "nothing"):
        return "something was said" if said else "nothing was said", said
    return "", said


def main() -> int:
    """End parts of a service at random; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    service.PATIENCE = 10.0
    service.WINDOW, service.AHEAD = 120, 24
    rng, failed, tried = random.Random(options.seed), 0, 0
    for _ in range(options.times):
        for end in ENDS:
            after = rng.randint(0, 30)
            with tempfile.TemporaryDirectory() as folder:
                wrong, said = attempt(Path(folder), end, after, steps=60)
            tried, failed = tried + 1, failed + bool(wrong)
            print(f"{end} after {after}: {wrong or 'the same'}; said {said}", flush=True)
    print(f"service: tried {tried}, passed {tried - failed}, failed {failed}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
