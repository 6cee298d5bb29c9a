"""Kill trainings at any step, at any moment and inside of any write; they must go on to the same bits.

Children are forked of this process, which has imported TensorFlow and computed nothing with it: each trains through the
command line, on made-up data with a tiny backbone, until it is killed by SIGKILL or asked to end by SIGTERM or Ctrl-C.
A run is killed up to three times; then it is trained to its end and compared with one that nobody killed: all weights,
the optimizer, random states, the averages, best.json, model.keras, history.csv but for the seconds, and metrics.json.
"""

import argparse
import io
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from metricfit.app import cli
from metricfit.trainers import files
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.reporting import read_history
from metricfit.trainers.training.states import read_state, state_files
from tests.conftest import registered

STEPS, EPOCHS = 9, 2
_OFTEN = f"--backbone tiny --batch-size 6 --epochs {EPOCHS} --min-epoch-steps 1 --weights none"
TASKS = {
    "saliency": f"{_OFTEN} --data discs:train --size 32 --ema 0.9 --learning-rate 1e-2 --patience 3",
    "segmentation": f"{_OFTEN} --data colours:train --size 32 --equibatch --fade-from lovasz_softmax --seed 3",
    "detection": f"{_OFTEN} --data discs:train --size 64 --channels 16 --head-layers 1 --minutes 60",
}
WRITES = ("epoch-", "model.keras", "history.csv", "best.json", "config.json", "metrics.json")
ENDED = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
"""How a child must end."""


@dataclass(frozen=True)
class Kill:
    """What happens to a training: a signal so long after a step, or in a write of a file whose name begins so."""

    number: int = signal.SIGKILL
    step: int = 0
    seconds: float = 0.0
    write: str = ""

    def __str__(self) -> str:
        when = f"in the write of {self.write}" if self.write else f"{self.seconds:.2f} s after step {self.step}"
        return f"{signal.Signals(self.number).name} {when}"


class Killer(keras.callbacks.Callback):
    """Sends the signal after so many steps of this process; what waits is sent from another thread."""

    def __init__(self, kill: Kill) -> None:
        super().__init__()
        self.kill, self.left = kill, kill.step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count."""
        self.left -= 1
        if self.left == 0:
            threading.Timer(self.kill.seconds, os.kill, (os.getpid(), self.kill.number)).start()
            time.sleep(0 if self.kill.seconds else 0.05)


def train(task: str, words: list[str], folder: Path, kill: Kill | None = None, often: int | None = None) -> int:
    """Train in a child, told by words of a command line; gives its exit code, or minus the signal that killed it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        with (folder.parent / f"{folder.name}.txt").open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        if kill is not None:
            _arrange(task, kill)
        words = ["train", task, *words, "--out", str(folder)]
        os._exit(cli.main([*words, *(["--checkpoint-steps", str(often)] if often else [])]))
    except BaseException:
        traceback.print_exc()
        os._exit(99)


def _arrange(task: str, kill: Kill) -> None:
    kind = type(get_task(task))
    watchers, to_disk = kind.watchers, files.to_disk
    kind.watchers = lambda *given: [*watchers(*given), Killer(kill)]

    def half(path: Path) -> None:
        if kill.write and path.name.split(".", 2)[-1].startswith(kill.write):
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), kill.number)
        to_disk(path)

    files.to_disk = half


def kept(folder: Path) -> dict[str, Any]:
    """Give all that a training leaves, as what can be compared to the bit."""
    reached, arrays = read_state(state_files(folder / "checkpoints")[-1])
    rows = read_history(folder / "history.csv")
    weights = io.BytesIO(zipfile.ZipFile(folder / "model.keras").read("model.weights.h5"))
    return {
        "state": {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in arrays.items()},
        "reached": (reached.epochs, reached.steps),
        "history.csv": [{name: value for name, value in row.items() if "seconds" not in name} for row in rows],
        "model.keras": dict(_datasets(h5py.File(weights))),
        "best.json": json.loads((folder / "checkpoints/best.json").read_text()),
        "metrics.json": json.loads((folder / "metrics.json").read_text()),
    }


def _datasets(group: h5py.Group) -> Iterator[tuple[str, bytes]]:
    names: list[str] = []
    group.visit(names.append)
    for name in names:
        if isinstance(group[name], h5py.Dataset):
            yield name, np.asarray(group[name]).tobytes()


def chosen(random_numbers: random.Random, done: int) -> Kill:
    """Choose what happens next to a training that has taken so many steps."""
    step = random_numbers.randint(1, max(1, EPOCHS * STEPS - done))
    match random_numbers.randrange(6):
        case 0 | 1:
            return Kill(step=step)
        case 2:
            return Kill(step=step, seconds=random_numbers.random())
        case 3:
            return Kill(write=random_numbers.choice(WRITES))
        case 4:
            return Kill(signal.SIGTERM, step, random_numbers.choice((0.0, random_numbers.random())))
        case _:
            return Kill(signal.SIGINT, step, random_numbers.choice((0.0, random_numbers.random())))


def steps_in(folder: Path) -> int:
    """Count the steps of the latest state."""
    found = state_files(folder / "checkpoints")
    reached = read_state(found[-1])[0] if found else None
    return STEPS * reached.epochs + reached.steps if reached else 0


def survives(
    task: str, words: list[str], folder: Path, kills: list[Kill], often: int | None, whole: dict[str, Any]
) -> list[str]:
    """Kill a training so, let it end and compare; gives what is wrong."""
    wrong = []
    for kill in kills:
        before = steps_in(folder)
        ended = train(task, words, folder, kill, often)
        if ended not in (0, ENDED[signal.Signals(kill.number)]):
            wrong.append(f"{kill} ended with {ended}")
        # Of an epoch whose steps are all taken but that is not measured, the last one is taken again.
        least = before + kill.step - ((before + kill.step) % STEPS == 0)
        if ended > 0 and steps_in(folder) < least:
            wrong.append(f"{kill} lost steps: {steps_in(folder)} of {least} are kept")
    if (ended := train(task, words, folder)) != 0:
        return [*wrong, f"the continuation ended with {ended}"]
    found = kept(folder)
    wrong += [f"{name} differs" for name in whole if found[name] != whole[name]]
    left = [path.name for path in folder.rglob(".*")]
    return [*wrong, *(f"{name} is left" for name in left)]


class Trainings:
    """Trains every task once without a kill, when it is first asked for; one may be done already, `against`."""

    def __init__(self, place: Path, tasks: list[str], against: Path | None) -> None:
        self.place, self.tasks = place, tasks
        self.words = {task: words.split() for task, words in TASKS.items()}
        self.whole: dict[str, dict[str, Any]] = {}
        if against:
            task = json.loads((against / "config.json").read_text())["task"]
            self.tasks, self.words = [task], {task: ["--config", str(against / "config.json")]}
            self.whole[task] = kept(against)

    def __getitem__(self, task: str) -> dict[str, Any]:
        """Give what a training leaves that nobody killed."""
        if task not in self.whole:
            if (ended := train(task, self.words[task], self.place / task)) != 0:
                sys.exit(f"{task} does not train ({ended}): {(self.place / f'{task}.txt').read_text()}")
            self.whole[task] = kept(self.place / task)
        return self.whole[task]


def kill_many(times: int, seed: int, tasks: list[str], against: Path | None = None, *, in_writes: bool = False) -> int:
    """Kill so many times, one line a run; gives how many kills went wrong."""
    random_numbers, tried, failed = random.Random(seed), 0, 0
    writes = itertools.cycle(WRITES)
    with registered(), tempfile.TemporaryDirectory() as place:
        trainings = Trainings(Path(place), tasks, against)
        for number in itertools.count():
            if tried >= times:
                break
            task, folder = trainings.tasks[number % len(trainings.tasks)], Path(place, f"run-{number}")
            kills: list[Kill] = []
            for _ in range(min(times - tried, random_numbers.randint(1, 3))):
                done = sum(kill.step for kill in kills)
                kills.append(Kill(write=next(writes)) if in_writes else chosen(random_numbers, done))
            often = random_numbers.choice((None, 1, 2, 5))
            whole, began = trainings[task], time.monotonic()
            wrong = survives(task, trainings.words[task], folder, kills, often, whole)
            tried, failed = tried + len(kills), failed + (len(kills) if wrong else 0)
            told = "; ".join(map(str, kills)) + f"; a checkpoint every {f'{often} steps' if often else 'five minutes'}"
            print(f"{task}: {told}: {', '.join(wrong) or 'same bits'} ({time.monotonic() - began:.0f} s)", flush=True)
            if wrong:
                print(Path(place, f"{folder.name}.txt").read_text()[-4000:])
    print(f"kills: tried {tried}, passed {tried - failed}, failed {failed}")
    return failed


def main() -> int:
    """Read the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--against", type=Path, help="compare with this run, of made-up data, instead of training one")
    parser.add_argument(
        "--in-writes", action="store_true", help="kill in the midst of writes alone, of all kinds in turn"
    )
    arguments = parser.parse_args()
    given = arguments.times, arguments.seed, arguments.tasks, arguments.against
    return 1 if kill_many(*given, in_writes=arguments.in_writes) else 0


if __name__ == "__main__":
    sys.exit(main())
