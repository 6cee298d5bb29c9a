"""Trainings of several processes, forked from one that has imported TensorFlow and computed nothing.

python -m metricfit.tests.trainers.training.devices.workers FOLDER [killed]
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from metricfit.app import cli
from metricfit.tests.conftest import registered
from metricfit.tests.trainers.training.devices.test_meeting import free_ports
from metricfit.tests.undrawn import undrawn
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.states import read_state, state_files

SETTINGS = (
    "--backbone plain --weights none --size 32 --batch-size 8 --learning-rate 1e-3 --epochs 2 --min-epoch-steps 1 "
    "--loss lovasz_softmax --loss-options per_image=True --optimizer sgd --seed 3 --batch-norm frozen "
    "--checkpoint-steps 2 --quiet"
)
TRAIN = ["train", "segmentation", "--data", "colours:train", *SETTINGS.split()]
TOLERANCE = 1e-5
HANGS = 0


class Sends(keras.callbacks.Callback):
    """Sends this process a signal after so many steps of this start."""

    def __init__(self, number: int, steps: int) -> None:
        super().__init__()
        self.number, self.steps = number, steps

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count, and send."""
        self.steps -= 1
        if self.steps == 0 and self.number == HANGS:
            time.sleep(3600)
        elif self.steps == 0:
            os.kill(os.getpid(), self.number)


def run(
    words: Sequence[str],
    logs: Path,
    workers: int = 1,
    sent: tuple[int, int, int] | None = None,
    prepared: Callable[[Any], object] = lambda task: None,
    minutes: float = 2.0,
) -> list[int]:
    """Train by so many processes; gives their exit codes, negative ones of killed processes.

    Args:
        words: a command line.
        logs: a folder for what they say, `0.log` and so on.
        workers: how many; one has no TF_CONFIG.
        sent: a worker, a signal that it gets, and after how many steps; after `HANGS` it does nothing any more. One
            that hangs, or is stopped, is killed once the others have ended.
        prepared: changes the task in each process before it trains.
        minutes: that they wait for each other.
    """

    def work(worker: int) -> int:
        with registered(), undrawn():
            task = get_task(words[1])
            prepared(task)
            if sent is not None and sent[0] == worker:
                watching(task, Sends(*sent[1:]))
            return cli.main([*words, *(["--strategy", "multi_worker", "--wait-minutes", str(minutes)] * (workers > 1))])

    return children(work, logs, workers, sent[0] if sent and sent[1] in (HANGS, signal.SIGSTOP) else None)


def watching(task: Any, *more: keras.callbacks.Callback) -> None:
    """Let further callbacks watch a task's trainings."""
    watchers = task.watchers
    task.watchers = lambda *given: [*watchers(*given), *more]


def children(work: Callable[[int], int], logs: Path, count: int, hangs: int | None = None) -> list[int]:
    """Fork so many processes, of a cluster where there are several; gives what `work` makes of the number of each."""
    logs.mkdir(parents=True, exist_ok=True)
    ports = free_ports(count)
    forked = {worker: _forked(work, logs / f"{worker}.log", worker, ports) for worker in range(count)}
    codes = {}
    for worker in sorted(forked, key=lambda worker: worker == hangs):
        if worker == hangs:
            os.kill(forked[worker], signal.SIGKILL)
        codes[worker] = os.waitstatus_to_exitcode(os.waitpid(forked[worker], 0)[1])
    return [codes[worker] for worker in range(count)]


def _forked(work: Callable[[int], int], log: Path, worker: int, ports: list[int]) -> int:
    if child := os.fork():
        return child
    try:
        file = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
        if len(ports) > 1:
            cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
            os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": worker}})
        code = work(worker)
        sys.stdout.flush()
        os._exit(code)
    except SystemExit as end:
        os._exit(int(end.code or 0))
    except BaseException:
        traceback.print_exc()
        os._exit(99)


def state(folder: Path) -> dict[str, np.ndarray]:
    """Give the last state of a run."""
    return read_state(state_files(folder / "checkpoints")[-1])[1]


def difference(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """Give the largest difference of a weight."""
    names = [name for name in expected if name.startswith("model") and expected[name].size]
    return max(float(np.abs(np.subtract(found[name], expected[name], dtype=np.float64)).max()) for name in names)


def told(logs: Path) -> str:
    """Give what all said."""
    return "\n".join(path.read_text(errors="replace") for path in sorted(logs.glob("*.log")))


def main(folder: Path, killed: bool = False) -> None:
    """See that two processes, one of which may be killed, and started again, come to what one device comes to."""
    assert run([*TRAIN, "--out", str(folder / "one")], folder / "logs/one") == [0], told(folder / "logs/one")
    out = [*TRAIN, "--out", str(folder / "two")]
    if killed:
        codes = run(out, folder / "logs/killed", 2, (1, signal.SIGKILL, 3))
        assert codes == [1, -signal.SIGKILL], (codes, told(folder / "logs/killed"))
        assert "another worker of this training is gone" in told(folder / "logs/killed")
        assert not (folder / "two/.lock").exists()
    assert run(out, folder / "logs/two", 2) == [0, 0], told(folder / "logs/two")
    print("weights differ by", difference(state(folder / "two"), state(folder / "one")))
    assert difference(state(folder / "two"), state(folder / "one")) <= TOLERANCE


if __name__ == "__main__":
    began = time.monotonic()
    main(Path(sys.argv[1]), "killed" in sys.argv[2:])
    print(f"done in {time.monotonic() - began:.0f} s")
