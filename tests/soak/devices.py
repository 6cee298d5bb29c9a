"""Take twenty steps of each task on one device, two and four parts of the CPU, and by two processes; compare weights.

Batch normalisation is frozen, the seed another one each time. By SGD no weight may differ by more than 1e-5. AdamW
divides by the size of the gradients: where these are rounding alone, it makes steps of the learning rate of them, so
that a weight may go either way. It is taken with its usual epsilon, of which all that is asked is shown, and with one
above that rounding, where weights may differ no more than by SGD. What rounding becomes on one device is shown beside:
where gradients are not clipped, and a training leaves a point from which all ways lead down, it may be more than that.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from metricfit.tests.conftest import registered
from tests.trainers.training.devices.programs import CONFIGS, TOLERANCE, largest, parts_of_cpu, taught
from tests.trainers.training.devices.workers import children

STEPS = 20
LEAST, NUDGE = 1e-3, 1e-7  # how far weights must have moved; and a share of a weight, about that of rounding
PLACES = {"1 device": {}, "2 devices": {"strategy": "mirrored", "devices": 2}}
PLACES |= {"4 devices": {"strategy": "mirrored", "devices": 4}, "2 processes": {"strategy": "multi_worker"}}
NUDGED = "1 device, nudged"  # whose first weights are those of one device, some a little larger, others smaller
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.02, 0.9, global_clipnorm=0.1),
    "sgd, not clipped": lambda: keras.optimizers.SGD(0.05, 0.9),
    "adamw, epsilon 1e-7": lambda: keras.optimizers.AdamW(1e-3, epsilon=1e-7),
    "adamw, epsilon 1e-3": lambda: keras.optimizers.AdamW(1e-3, epsilon=1e-3),
}


def learn(
    task: str, optimizer: str, place: str, seed: int, folder: Path, backbone: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Take the steps in processes of their own; gives first and last weights, which are the same in all of them."""
    more, nudged = {"backbone": backbone, "wait_minutes": 5.0, **PLACES.get(place, {})}, NUDGE * (place == NUDGED)
    config = dataclasses.replace(CONFIGS[task], seed=seed, **more)

    def work(worker: int) -> int:
        if place.endswith("devices"):
            parts_of_cpu(config.devices or 1)
        with registered():
            first, last, _ = taught(config, STEPS, OPTIMIZERS[optimizer], settled=True, nudged=nudged)
        np.savez(folder / f"{worker}.npz", *first, *last)
        return 0

    count = 2 if place == "2 processes" else 1
    codes = children(work, folder, count)
    if codes != [0] * count:
        raise SystemExit(f"{task}, {optimizer}, {place}: {codes}\n{(folder / '0.log').read_text()[-2000:]}")
    found = []
    for worker in range(count):
        with np.load(folder / f"{worker}.npz") as file:
            found.append([file[name] for name in file.files])
    assert largest(found[0], found[-1]) == 0, "the processes have other weights"
    return found[0][: len(found[0]) // 2], found[0][len(found[0]) // 2 :]


def compared(task: str, optimizer: str, seed: int, backbone: str) -> list[str]:
    """Print a row of the table; gives what is wrong."""
    wrong, cells, began = [], [], time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        first, expected = learn(task, optimizer, "1 device", seed, Path(name), backbone)
        far = [largest([one], [other]) for one, other in zip(expected, first, strict=True) if one.size]
        far = [one for one in far if one]  # what is not trained stays
        moved = max(far)
        by_rounding = 0.0
        for place in [NUDGED, *[*PLACES][1:]]:
            begun, found = learn(task, optimizer, place, seed, Path(name), backbone)
            apart = largest(found, expected)
            if place == NUDGED and optimizer == "sgd, not clipped":
                by_rounding = apart
            cells.append(f"{place} {apart:.1e}")
            if largest(begun, first) and place != NUDGED:
                wrong.append(f"{place} begin elsewhere")
            if apart > max(TOLERANCE, by_rounding) and place != NUDGED and optimizer != "adamw, epsilon 1e-7":
                wrong.append(f"{place} differ by {apart:.1e}")
    if moved < LEAST:
        wrong.append(f"weights moved by {moved:.1e} alone")
    row = f"{task}, {optimizer}: {', '.join(cells)}; moved up to {moved:.1e}, most {np.median(far):.1e}"
    print(f"{row} ({time.monotonic() - began:.0f} s){': ' * bool(wrong)}{', '.join(wrong)}", flush=True)
    return wrong


def main() -> int:
    """Read the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="how often, each with another seed")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=CONFIGS, default=[*CONFIGS])
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=[*OPTIMIZERS])
    parser.add_argument("--backbone", choices=("plain", "tiny"), default="plain", help="of two convolutions, or deep")
    arguments = parser.parse_args()
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    seeds = range(arguments.seed, arguments.seed + arguments.times)
    tries = [(task, how, seed) for seed in seeds for how in arguments.optimizers for task in arguments.tasks]
    failed = sum(bool(compared(*one, arguments.backbone)) for one in tries)
    print(f"devices: tried {len(tries)}, passed {len(tries) - failed}, failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
