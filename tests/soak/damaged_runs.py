"""Damage each kind of file of a run folder, and let each verb meet it: mended, of no matter, or refused in a sentence.

Two small trainings are made once, a finished one and one that ended after its first epoch. Each try takes a copy of a
folder, damages a file, and runs one verb on it in a child. What succeeds must give what it gives on a whole folder, or
say that something was damaged.
"""

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metricfit.trainers.errors import MetricfitError
from tests.children import command, complaint
from tests.conftest import registered
from tests.soak.kills import kept

_SMALL = "--data discs:train --backbone tiny --size 32 --batch-size 6 --min-epoch-steps 1 --weights none --epochs 2"
TRAIN = ["train", "saliency", *_SMALL.split(), "--out", "RUN"]
VERBS = {
    "train": TRAIN,  # a run that is finished
    "train on": TRAIN,  # one that is not
    "predict": ["predict", "RUN", "PICTURE", "--out", "TO"],
    "evaluate": ["evaluate", "RUN", "--data", "discs:test", "--out", "TO"],
    "export": ["export", "RUN", "--to", "TO", "--formats", "savedmodel"],
}
STATES = ("history.csv", "checkpoints/best.json", "checkpoints/epoch-1.npz", "checkpoints/epoch-*", "checkpoints/*")
OTHERS = ("log.txt", "tensorboard/**/events*", "figures/*")
# What a verb reads is damaged file by file, all else at once; files of one try stand between commas.
FILES = {
    "train": ("config.json", "model.keras", *STATES, ",".join(("metrics.json", *OTHERS))),
    "predict": ("config.json", "model.keras", "metrics.json", ",".join((*STATES, *OTHERS))),
}
DAMAGES = ("nothing", "half", "all but a byte", "noise", "a flipped byte", "missing")


def cases() -> list[tuple[str, str, str]]:
    """Give every verb with every file and damage."""
    return [
        (verb, names, how)
        for verb in VERBS
        for names in FILES["train" if verb.startswith("train") else "predict"]
        for how in (("noise", "missing") if "," in names else DAMAGES)
    ]


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


def result(verb: str, run: Path, to: Path) -> dict[str, Any]:
    """Give what a verb made, as what can be compared."""
    if verb == "predict":
        masks = sorted(to.rglob("*.png"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in masks}
    if verb == "evaluate":
        figures = json.loads((to / "metrics.json").read_text())["curves"]
        return {name: round(value, 5) for name, value in figures.items() if isinstance(value, float)}
    if verb == "export":
        return {path.name: path.stat().st_size > 0 for path in to.rglob("*.pb")}
    return kept(run)


class Runs:
    """The whole runs, and what each verb makes of them, found when it is first asked for."""

    def __init__(self, place: Path) -> None:
        self.place, self.picture = place, place / "picture.png"
        cv2.imwrite(str(self.picture), np.random.default_rng(0).integers(0, 255, (40, 48, 3), np.uint8))
        self.expected: dict[str, dict[str, Any]] = {}
        for name, more in (("finished", []), ("begun", ["--minutes", "0.0001"])):
            code, _, err = command(self.words("train", place / name, place) + more, place / "log")
            if code:
                raise RuntimeError(f"the training itself failed: {err}")

    def words(self, verb: str, run: Path, to: Path) -> list[str]:
        """Give the command line of a verb."""
        places = {"RUN": str(run), "TO": str(to), "PICTURE": str(self.picture)}
        return [places.get(word, word) for word in VERBS[verb]]

    def copy(self, verb: str, folder: Path) -> Path:
        """Copy the run that a verb is tried on."""
        return shutil.copytree(self.place / ("begun" if verb == "train on" else "finished"), folder / "run")

    def of_whole(self, verb: str) -> dict[str, Any]:
        """Give what a verb makes of a whole run."""
        if verb not in self.expected:
            folder = self.place / verb
            folder.mkdir()
            run = self.copy(verb, folder)
            code, _, err = command(self.words(verb, run, folder / "to"), folder / "log")
            if code:
                raise RuntimeError(f"{verb} itself failed: {err}")
            self.expected[verb] = result(verb, run, folder / "to")
        return self.expected[verb]


def tried(runs: Runs, verb: str, names: str, how: str, rng: random.Random) -> str:
    """Give what is wrong with how a verb took a damaged file; empty where nothing is."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run, to = runs.copy(verb, folder), folder / "to"
        paths = sorted({path for name in names.split(",") for path in run.glob(name) if path.is_file()})
        if not paths:
            return f"there is no {names} to damage"
        for path in paths:
            damage(path, how, rng)
        words = runs.words(verb, run, to)
        code, out, err = command(words, folder / "log")
        if wrong := complaint(code, out, err):
            return wrong
        told = [line for line in out.splitlines() if "damaged" in line or "missing" in line]
        print("   ", f"exit code {code}:", *(told or (err or out).strip().splitlines()[-1:]))
        if code:
            return ""
        try:
            made = result(verb, run, to)
        except (MetricfitError, OSError, ValueError, KeyError, IndexError) as error:
            return f"it ended well, but what it made cannot be read: {error}"
        if differing := _differing(runs.of_whole(verb), made):
            if not told:
                return f"{differing} differs, and nothing was said"
            print("    differs:", differing)
        if told and verb.startswith("train"):
            again = command(words, folder / "log")
            if again[0] or complaint(*again):
                return f"the same command again: exit code {again[0]}, {again[2].strip()[-200:]}"
            if "damaged" in again[1]:
                return f"the same command again finds it damaged again: {again[1]}"
        return ""


def _differing(expected: dict[str, Any], found: dict[str, Any]) -> str:
    return ", ".join(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def run(times: int, seed: int, verbs: list[str]) -> list[str]:
    """Try so many combinations, drawn without repetition; 0 takes all. Gives a line for each that failed."""
    rng = random.Random(seed)
    drawn = [case for case in cases() if case[0] in verbs]
    rng.shuffle(drawn)
    drawn, failed = drawn[: times or None], []
    with tempfile.TemporaryDirectory() as folder, registered():
        runs = Runs(Path(folder))
        for verb, names, how in drawn:
            began = time.monotonic()
            wrong = tried(runs, verb, names, how, rng)
            print(f"{verb}, {names}, {how}: {wrong or 'passed'} ({time.monotonic() - began:.0f} s)", flush=True)
            failed += [f"{verb}, {names}, {how}: {wrong}"] if wrong else []
    print(f"damaged_runs: tried {len(drawn)}, passed {len(drawn) - len(failed)}, failed {len(failed)}")
    return failed


def main() -> int:
    """Run it as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=0, help="how many tries; 0 takes every combination")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=list(VERBS))
    options = parser.parse_args()
    return int(bool(run(options.times, options.seed, options.verbs)))


if __name__ == "__main__":
    sys.exit(main())
