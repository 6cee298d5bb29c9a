"""Take a training's world away in mid-run: disk, folder, data; it must end in one sentence, and be whole afterwards.

The run folder lies on a small disk in memory of its own, which needs root (mount); without it those tries are left out.
"""

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from metricfit.trainers.tasks import get_task
from metricfit.trainers.training import fitting
from metricfit.trainers.training.callbacks import TrainingCheckpoint
from tests.children import command, complaint
from tests.conftest import registered

STEPS = 4  # of an epoch of 16 pictures that train


class At(keras.callbacks.Callback):
    """Does something after so many steps."""

    def __init__(self, step: int, action: Callable[[], object]) -> None:
        super().__init__()
        self.left, self.action = step, action

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count."""
        self.left -= 1
        if not self.left:
            self.action()


class Full(At):
    """Leaves no space at the end of an epoch, before a callback, or after the one that keeps the last state.

    Before TensorBoard's, it is TensorFlow that writes first, which fails in another way than this program.
    """

    def __init__(self, disk: Path, where: type[keras.callbacks.Callback], epoch: int) -> None:
        super().__init__(0, lambda: fill(disk))
        usual = where.on_epoch_end

        def at_the_end(callback: keras.callbacks.Callback, number: int, logs: Any = None) -> None:
            if where is TrainingCheckpoint:
                usual(callback, number, logs)
            if number + 1 == epoch:
                self.action()
            if where is not TrainingCheckpoint:
                usual(callback, number, logs)

        where.on_epoch_end = at_the_end  # type: ignore[method-assign]


def pictures(folder: Path) -> Path:
    """Write 18 pictures with masks."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(18):
        mask = np.zeros((40, 48), np.uint8)
        mask[10:30, 5 + index : 25 + index] = 255
        noise = rng.integers(0, 60, (40, 48, 3))
        cv2.imwrite(str(folder / f"images/{index:02}.png"), (noise + 180 * (mask[..., None] > 0)).astype(np.uint8))
        cv2.imwrite(str(folder / f"masks/{index:02}.png"), mask)
    return folder


@contextlib.contextmanager
def small_disk(mib: int) -> Iterator[Path | None]:
    """Give a disk of so many MiB in memory; None where nobody may mount one."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], capture_output=True, check=False
        ).returncode
        try:
            yield Path(folder) if mounted else None
        finally:
            if mounted:
                subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Leave no space."""
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def read_only(disk: Path) -> None:
    """Let this process be somebody who may not write there."""
    for folder, _, names in os.walk(disk):
        for name in (*names, ""):
            Path(folder, name).chmod(0o555)
    os.seteuid(65534)


def garbage(data: Path, names: list[str]) -> None:
    """Turn pictures into what is none."""
    for name in names:
        (data / name).write_bytes(os.urandom(300))


EVENTS: dict[str, Callable[[Path, Path, random.Random], object]] = {
    "disk full": lambda disk, data, rng: fill(disk),
    "read-only folder": lambda disk, data, rng: read_only(disk),
    "run folder gone": lambda disk, data, rng: shutil.rmtree(disk / "run"),
    "data folder gone": lambda disk, data, rng: shutil.rmtree(data),
    "masks gone": lambda disk, data, rng: shutil.rmtree(data / "masks"),
    "garbage": lambda disk, data, rng: garbage(data, [f"images/{rng.randrange(18):02}.png"]),
    "disk full for TensorBoard": lambda disk, data, rng: None,
    "disk full at the very end": lambda disk, data, rng: None,
    "all garbage": lambda disk, data, rng: garbage(data, [f"images/{index:02}.png" for index in range(18)]),
}


def tried(event: str, step: int, skip_bad: bool, rng: random.Random) -> str:
    """Give what is wrong with how a training took an event; empty where nothing is."""
    with tempfile.TemporaryDirectory() as folder, small_disk(40) as disk:
        if disk is None:
            return "left out: mounting a disk needs root"
        data = pictures(Path(folder, "data"))
        words = (
            f"train saliency --data folder:{data} --backbone tiny --size 32 --batch-size 4 --epochs 3 --weights none "
            f"--min-epoch-steps 1 --checkpoint-steps 1 --cache-mib 0 --out {disk / 'run'}"
        ).split() + ["--skip-bad"] * skip_bad
        log = Path(folder, "log")

        def before() -> None:
            kind = type(get_task("saliency"))
            watchers = kind.watchers
            match event:
                case "disk full for TensorBoard":
                    happening: At = Full(disk, fitting.Series, 2)
                case "disk full at the very end":
                    happening = Full(disk, TrainingCheckpoint, 3)
                case _:
                    happening = At(step, lambda: EVENTS[event](disk, data, rng))
            kind.watchers = lambda *given: [*watchers(*given), happening]  # type: ignore[method-assign]

        code, out, err = command(words, log, before)
        print(f"    exit code {code}: {(err or out).strip().splitlines()[-1:]}")
        if wrong := complaint(code, out, err):
            return wrong
        survives = event == "garbage" and skip_bad
        if (code == 0) != survives:
            return f"exit code {code}"
        if survives:
            return "" if "stands in for" in out and "replaced while the training ran" in out else "not named at the end"
        # With space and pictures again, the same command goes on.
        (disk / "filler").unlink(missing_ok=True)
        shutil.rmtree(data, ignore_errors=True)
        pictures(data)
        code, out, err = command(words, log)
        return complaint(code, out, err) or ("" if code == 0 else f"the same command again: {err.strip()[-200:]}")


def run(times: int, seed: int, events: list[str]) -> list[str]:
    """Try each of some events so many times, at a step drawn by chance; gives a line for each that failed."""
    rng, tries, failed = random.Random(seed), 0, []
    with registered():
        for _ in range(times):
            for event in events:
                for skip_bad in (False, True) if event.endswith(("garbage", "data folder gone")) else (False,):
                    # A picture must still be read after it was damaged, and pictures are read ahead.
                    step = rng.randrange(1, STEPS if event == "garbage" else 3 * STEPS)
                    name = f"{event}{' --skip-bad' * skip_bad} after step {step}"
                    wrong = tried(event, step, skip_bad, rng)
                    print(f"{name}: {wrong or 'passed'}", flush=True)
                    tries += 1
                    failed += [f"{name}: {wrong}"] if wrong and not wrong.startswith("left out") else []
    print(f"midrun_faults: tried {tries}, passed {tries - len(failed)}, failed {len(failed)}")
    return failed


def main() -> int:
    """Run it as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--events", nargs="+", choices=EVENTS, default=list(EVENTS))
    options = parser.parse_args()
    return int(bool(run(options.times, options.seed, options.events)))


if __name__ == "__main__":
    sys.exit(main())
