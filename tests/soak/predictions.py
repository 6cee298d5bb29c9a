"""Predictions that are ended by anything and go on: the same files as of one that was not.

python -m tests.soak.predictions --times 5 --seed 0
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from metricfit.app import cli
from metricfit.app.prediction import prediction
from tests.app.fakes import disc, load_fake_detector, load_fake_predictor, make_video, save

ROOT = Path(__file__).parents[2]
KINDS = {"saliency": load_fake_predictor, "detection": load_fake_detector}
ENDS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "hangup": signal.SIGHUP, "interrupt": signal.SIGINT}
CODES = {"kill": -9, "term": 143, "hangup": 129, "interrupt": 130}


def files_of(folder: Path) -> dict[str, bytes]:
    """Give all files of a prediction but its journal, whose order is that of the work; hidden ones, too."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    found.pop("results.jsonl", None)
    # A video's encoder works in threads, and may spread its bits otherwise.
    return {name: b"" if path.suffix == ".mp4" else path.read_bytes() for name, path in found.items()}


def run(folder: Path, kind: str, *more: str) -> subprocess.Popen:
    """Start the program on the pictures of a folder, with a model of a kind."""
    command = [sys.executable, "-m", "tests.soak.predictions", "--run", kind, "some.tflite", *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def make_inputs(folder: Path, pictures: int, frames: int = 0) -> list[str]:
    """Make pictures, and a video of some frames."""
    for number in range(pictures):
        save(folder / f"in/{number:03d}.png", disc(120, 160, 20 + 7 * number % 120, 15))
    videos = [str(make_video(folder / "in.mp4", frames=frames))] if frames else []
    return [str(folder / "in"), *videos]


def attempt(folder: Path, kind: str, end: str, after: int, pictures: int, frames: int = 0, delay: float = 0.0) -> str:
    """End a prediction once so many are done, and go on; gives what is wrong, empty if nothing is."""
    inputs = make_inputs(folder, pictures, frames)
    whole = run(folder, kind, *inputs, "--out", str(folder / "whole"))
    said, out = whole.communicate(timeout=120)[0], folder / "out"
    if whole.returncode:
        return f"the whole one ended with {whole.returncode}: {said}"
    ended = run(folder, kind, *inputs, "--out", str(out))
    while ended.poll() is None and lines_of(out) < after:
        time.sleep(0.001)
    time.sleep(delay)
    ended.send_signal(ENDS[end])
    said = ended.communicate(timeout=60)[0]
    if ended.returncode not in (CODES[end], 0):
        return f"ended with {ended.returncode}: {said}"
    results = json.loads((out / "results.json").read_bytes())
    done = len(results["pictures"])
    if end != "kill" and done < min(after, pictures):
        return f"{done} are listed, {after} were done"
    again = run(folder, kind, *inputs, "--out", str(out), "--resume")
    said = again.communicate(timeout=120)[0]
    if again.returncode:
        return f"going on ended with {again.returncode}: {said}"
    if ended.returncode and "were done before" not in said:
        return f"nothing was taken over: {said}"
    first, second = files_of(folder / "whole"), files_of(out)
    different = [name for name in first.keys() | second.keys() if first.get(name) != second.get(name)]
    return f"{len(different)} files differ, such as {different[:3]}" if different else ""


def lines_of(out: Path) -> int:
    """Count the pictures in a journal."""
    journal = out / "results.jsonl"
    return journal.read_bytes().count(b"\n") - 1 if journal.is_file() else 0


def main() -> int:
    """End predictions at random, and go on with them; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, failed, tried = random.Random(options.seed), 0, 0
    for _ in range(options.times):
        for kind in KINDS:
            for end in ENDS:
                after, frames, delay = rng.randint(1, 42), rng.choice((0, 300)), rng.random() * 0.01
                with tempfile.TemporaryDirectory() as folder:
                    wrong = attempt(Path(folder), kind, end, after, pictures=40, frames=frames, delay=delay)
                tried, failed = tried + 1, failed + bool(wrong)
                print(f"{kind} {end} after {after}, {frames} frames: {wrong or 'the same'}", flush=True)
    print(f"predictions: tried {tried}, passed {tried - failed}, failed {failed}")
    return int(failed > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        cv2.setNumThreads(1)
        np.seterr(all="ignore")
        prediction.load_predictor = KINDS[sys.argv[2]]
        sys.exit(cli.main(["predict", *sys.argv[3:], "--quiet"]))
    sys.exit(main())
