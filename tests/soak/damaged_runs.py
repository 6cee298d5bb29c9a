"""Damage each kind of file of a run folder, and let each verb meet it: mended, of no matter, or refused in a sentence.

A small training is made once. Each try takes a copy of its folder, damages a file, and runs one verb on it in a child.
"""

import argparse
import random
import shutil
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from tests.children import command, complaint
from tests.conftest import registered

TRAIN = "train saliency --data discs:train --backbone tiny --size 32 --batch-size 6 --min-epoch-steps 1 --weights none"
VERBS = {
    "train": [*TRAIN.split(), "--epochs", "2", "--out", "RUN"],
    "evaluate": ["evaluate", "RUN", "--data", "discs:test", "--out", "TO"],
    "export": ["export", "RUN", "--to", "TO", "--formats", "savedmodel"],
    "predict": ["predict", "RUN", "PICTURE", "--out", "TO"],
}
FILES = (
    "config.json", "history.csv", "metrics.json", "model.keras", "checkpoints/best.json", "checkpoints/epoch-2.npz",
    "checkpoints/epoch-*", "log.txt", "tensorboard/**/events*", "figures/history.png",
)  # fmt: skip
DAMAGES = ("nothing", "half", "all but a byte", "noise", "a flipped byte", "missing")


def damage(path: Path, how: str, rng: random.Random) -> None:
    """Damage a file."""
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([(data[middle] ^ 255) if data else 0]) + data[middle + 1 :]
    if how == "missing":
        path.unlink()
        return
    changed = {"nothing": b"", "half": data[:middle], "all but a byte": data[:-1], "noise": rng.randbytes(len(data))}
    path.write_bytes(changed.get(how, flipped))


def tried(whole: Path, verb: str, name: str, how: str, rng: random.Random) -> str:
    """Give what is wrong with how a verb took a damaged file; empty where nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        run, to, picture = Path(folder, "run"), Path(folder, "to"), Path(folder, "picture.png")
        shutil.copytree(whole, run)
        import cv2

        cv2.imwrite(str(picture), np.zeros((40, 48, 3), np.uint8))
        for path in sorted(run.glob(name)):
            damage(path, how, rng)
        words = [{"RUN": str(run), "TO": str(to), "PICTURE": str(picture)}.get(word, word) for word in VERBS[verb]]
        code, out, err = command(words, Path(folder, "log"))
        if wrong := complaint(code, out, err):
            return wrong
        print(f"    exit code {code}: {(err or out).strip().splitlines()[-1:]}")
        if code == 0 and verb == "train":
            again = command(words, Path(folder, "log"))
            if again[0] or complaint(*again):
                return f"the same command again: exit code {again[0]}, {again[2].strip()[-200:]}"
        return ""


def run(times: int, seed: int) -> list[str]:
    """Try so many combinations, drawn without repetition; 0 takes all. Gives a line for each that failed."""
    rng = random.Random(seed)
    cases = [*product(VERBS, FILES, DAMAGES)]
    rng.shuffle(cases)
    failed = []
    with tempfile.TemporaryDirectory() as folder, registered():
        whole = Path(folder, "whole")
        words = [str(whole) if word == "RUN" else word for word in VERBS["train"]]
        code, _, err = command(words, Path(folder, "log"))
        if code:
            raise RuntimeError(f"the training itself failed: {err}")
        for verb, name, how in cases[: times or None]:
            wrong = tried(whole, verb, name, how, rng)
            print(f"{verb}, {name}, {how}: {wrong or 'passed'}", flush=True)
            failed += [f"{verb}, {name}, {how}: {wrong}"] if wrong else []
    tries = len(cases[: times or None])
    print(f"damaged_runs: tried {tries}, passed {tries - len(failed)}, failed {len(failed)}")
    return failed


def main() -> int:
    """Run it as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=0, help="how many tries; 0 takes every combination")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    return int(bool(run(options.times, options.seed)))


if __name__ == "__main__":
    sys.exit(main())
