"""Train in every manner on one device, on two parts of the CPU, and by two processes; end them, and go on elsewhere.

A row each: how far weights, averages and the history are from those of one device, which is to be nothing but rounding;
what two processes or devices began, which then are asked to end, and others continue; one that goes on with as many
devices has the bits of one that nobody ended; and `metricfit launch`, which is asked to end and started again.
"""

import argparse
import csv
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from metricfit.losses.replicas import replica_context
from metricfit.trainers.training.states import read_state, state_files
from tests.trainers.training.devices.workers import TOLERANCE, TRAIN, run, told, watching

_SHARED = "--weights none --batch-size 8 --epochs 2 --min-epoch-steps 1 --seed 3 --batch-norm frozen --quiet"
_BOXES = "--data discs:train --backbone plain --size 64 --channels 8 --head-layers 1 --loss alrp --checkpoint-steps 2"
_MAPS = "--data discs:train --backbone plain --size 32 --ema 0.5"
DETECT, SALIENCY = f"train detection {_BOXES} {_SHARED}".split(), f"train saliency {_MAPS} {_SHARED}".split()
PLACES: dict[str, list[str]] = {"1 device": []}
PLACES |= {f"{count} devices": ["--strategy", "mirrored", "--devices", str(count)] for count in (2, 4)}
PLACES["2 processes"] = []  # `run` adds the words
FAULTY = 3  # the step whose loss is no number, from 0


@dataclass(frozen=True)
class Manner:
    """How a training goes.

    Attributes:
        words: of the command.
        prepared: changes the task.
    """

    words: list[str]
    prepared: Callable[[Any], object] = lambda task: None


class Poison(keras.callbacks.Callback):
    """Lets the loss of one step be no number, on the last of the devices alone."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.taken = at, 0
        self.amount: keras.Variable | None = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Count, and poison."""
        self.amount.assign(np.nan if self.taken == self.at else 0.0)
        self.taken += 1

    def on_this_device(self) -> tf.Tensor:
        """Give what is added to the loss."""
        context, amount = replica_context(), tf.convert_to_tensor(self.amount)
        if context is None:
            return amount
        return tf.where(context.replica_id_in_sync_group == context.num_replicas_in_sync - 1, amount, 0.0)


def poisoned(task: Any) -> None:
    """Poison the trainings of a task."""
    poison, compiled = Poison(FAULTY), task.compile_model

    def compile_model(model: keras.Model, *given: Any) -> None:
        compiled(model, *given)
        poison.amount = keras.Variable(0.0, trainable=False)
        loss = model.compute_loss
        model.compute_loss = lambda *some, **named: loss(*some, **named) + poison.on_this_device()

    task.compile_model = compile_model
    watching(task, poison)


def by_sgd(task: Any) -> None:
    """Train a task by steps as large as the gradients: AdamW makes large ones of mere rounding, see `devices`."""
    compiled = task.compile_model

    def compile_model(model: keras.Model, config: Any, given: keras.optimizers.Optimizer, training: Any) -> None:
        averaging = {"use_ema": given.use_ema, "ema_momentum": given.ema_momentum}
        compiled(model, config, keras.optimizers.SGD(0.02, 0.9, global_clipnorm=1.0, **averaging), training)

    task.compile_model = compile_model


MANNERS = {
    "plain": Manner(TRAIN),
    "averaged weights": Manner([*TRAIN, "--ema", "0.5"]),
    "equibatch": Manner([*TRAIN, "--equibatch"]),
    "class weights": Manner([*TRAIN, "--class-weights", "balanced"]),
    "fading": Manner([*TRAIN, "--fade-from", "softmax_cross_entropy"]),
    "skipping": Manner([*TRAIN, "--on-nan", "skip"], prepared=poisoned),
    "restoring": Manner([*TRAIN, "--on-nan", "restore"], prepared=poisoned),
    "self-balancing": Manner(DETECT, prepared=by_sgd),
    "float16": Manner([*TRAIN, "--mixed-precision", "float16"]),
    "saliency": Manner(SALIENCY, prepared=by_sgd),
}


class Runs:
    """Trainings in a folder, of one seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed, self._numbers = folder, seed, itertools.count()

    def train(self, manner: str, place: str, out: Path, sent: tuple[int, int, int] | None = None) -> list[int]:
        """Train, or go on, in one place; gives the exit codes, and keeps what is said in `self.said`."""
        one, logs = MANNERS[manner], self.folder / f"logs-{next(self._numbers)}"
        words = [*one.words, "--out", str(out), *PLACES[place]]
        words[words.index("--seed") + 1] = str(self.seed)
        codes = run(words, logs, 2 if place == "2 processes" else 1, sent, one.prepared)
        self.said = told(logs)
        return codes

    def whole(self, manner: str, place: str) -> Path:
        """Train to the end in one place; gives the run's folder."""
        out = self.folder / f"{manner}, {place}"
        if not out.exists():
            codes = self.train(manner, place, out)
            assert not any(codes), f"{manner}, {place}: {codes}\n{self.said[-3000:]}"
        return out


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """Give the last state of a run."""
    return read_state(state_files(folder / "checkpoints")[-1])[1]


def apart(found: Path, expected: Path) -> dict[str, float]:
    """Give the largest differences between two runs: of weights, of what the optimizer keeps, and of the history."""
    one, other = arrays(found), arrays(expected)
    result = {"weights": 0.0, "optimizer": 0.0}
    for name, values in other.items():
        if values.size and np.issubdtype(values.dtype, np.inexact):
            kind = "weights" if name.startswith("model") else "optimizer"
            far = np.abs(np.subtract(one[name], values, dtype=np.float64)).max()
            result[kind] = max(result[kind], float(far))
        elif not np.array_equal(one[name], values):
            result[name] = float("inf")
    rows = [list(csv.DictReader((folder / "history.csv").open())) for folder in (found, expected)]
    assert len(rows[0]) == len(rows[1]), "another number of epochs"
    result["history"], worst = 0.0, ""
    for row, wanted in zip(*rows):
        for name in set(wanted) - {"seconds", "training_seconds"}:
            far = abs(float(row[name]) - float(wanted[name])) / max(abs(float(wanted[name])), 1e-3)
            if far > result["history"]:
                result["history"], worst = far, name
    result[f"history ({worst})"] = result.pop("history")
    return result


class Row(NamedTuple):
    """What was found, and what of it is wrong."""

    text: str
    wrong: str = ""


def in_every_place(runs: Runs, manner: str) -> Row:
    """Compare one manner in all places with one device."""
    expected, cells, wrong = runs.whole(manner, "1 device"), [], ""
    for place in ("2 devices", "2 processes"):
        found = runs.whole(manner, place)
        far = apart(found, expected)
        cells.append(f"{place}: " + ", ".join(f"{name} {value:.1e}" for name, value in far.items()))
        if far["weights"] > TOLERANCE:
            wrong = f"weights on {place} differ"
        faults = [json.loads((one / "checkpoints/faults.json").read_text()) for one in (found, expected)
                  if (one / "checkpoints/faults.json").exists()]  # fmt: skip
        steps = [[fault["step"] for fault in [*one["skipped"], *one["went_back"]]] for one in faults]
        if MANNERS[manner].prepared is poisoned and steps != [[FAULTY]] * 2:
            wrong = f"the faults on {place} were {steps}"
    return Row("; ".join(cells), wrong)


def elsewhere(runs: Runs, manner: str, began: str, place: str) -> Row:
    """Ask a training to end in mid-epoch, and continue it in another place."""
    out = runs.folder / f"{manner}, {began}, then {place}"
    codes = runs.train(manner, began, out, (0, signal.SIGTERM, 4))
    if set(codes) != {143}:
        return Row("", f"ended with {codes}: {runs.said[-1000:]}")
    kept = state_files(out / "checkpoints")[-1].name
    codes = runs.train(manner, place, out)
    if any(codes):
        return Row("", f"the continuation ended with {codes}: {runs.said[-1000:]}")
    same = began == place
    far = apart(out, runs.whole(manner, began if same else "1 device"))
    row = f"from {kept}: " + ", ".join(f"{name} {value:.1e}" for name, value in far.items())
    differs = any(far.values()) if same else far["weights"] > TOLERANCE
    return Row(row, "differs" * differs)


def by_launch(runs: Runs) -> Row:
    """Ask `metricfit launch` to end once its workers train, and start it again."""
    out = runs.folder / "launched"
    words = "train saliency --data scenes:val --size 64 --backbone mobilenet_v3_small --weights none --batch-size 8"
    words += f" --epochs 2 --min-epoch-steps 1 --checkpoint-steps 1 --quiet --out {out}"
    command = [sys.executable, "-m", "metricfit", "launch", "--workers", "2", "--", *words.split()]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    with (runs.folder / "launch.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=runs.folder)
        until = time.monotonic() + 600
        while process.poll() is None and time.monotonic() < until and not state_files(out / "checkpoints"):
            time.sleep(0.2)
        process.terminate()
        code = process.wait(300)
    if code != 143:
        return Row("", f"it ended with {code}, not 143: {(runs.folder / 'launch.log').read_text()[-1000:]}")
    kept = state_files(out / "checkpoints")[-1].name
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=runs.folder)
    if done.returncode or not (out / "metrics.json").exists():
        return Row("", f"the continuation ended with {done.returncode}: {(done.stdout + done.stderr)[-1000:]}")
    rows = list(csv.DictReader((out / "history.csv").open()))
    return Row(f"asked to end at {kept}, {len(rows)} epochs in the end", "not 2 epochs" * (len(rows) != 2))


def tries(runs: Runs) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give what is tried, by name."""
    for manner in MANNERS:
        yield manner, lambda manner=manner: in_every_place(runs, manner)
    ways = [("2 processes", "1 device"), ("2 processes", "4 devices"), ("2 processes", "2 processes")]
    ways += [("2 devices", "2 devices"), ("4 devices", "2 processes")]
    for manner in ("plain", "self-balancing"):
        for began, place in ways:
            name = f"{manner}: {began}, then {place}"
            yield name, lambda manner=manner, began=began, place=place: elsewhere(runs, manner, began, place)
    yield "launch", lambda: by_launch(runs)


def main() -> int:
    """Read the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=3, help="of the trainings")
    parser.add_argument("--only", nargs="+", default=[], help="what begins with one of these words alone")
    arguments = parser.parse_args()
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    tried = failed = 0
    for seed in range(arguments.seed, arguments.seed + arguments.times):
        folder = Path(tempfile.mkdtemp())
        for name, function in tries(Runs(folder, seed)):
            if arguments.only and not name.startswith(tuple(arguments.only)):
                continue
            began = time.monotonic()
            try:
                text, wrong = function()
            except AssertionError as error:
                text, wrong = "", str(error)
            tried, failed = tried + 1, failed + bool(wrong)
            said = "; ".join(filter(None, (text, wrong)))
            print(f"{name}, seed {seed}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
        shutil.rmtree(folder)
    print(f"strategies: tried {tried}, passed {tried - failed}, failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
