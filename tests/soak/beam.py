"""Many made-up pictures on Beam's runner of this machine, in several processes, against one process: the same bytes.

python -m tests.soak.beam --times 1 --seed 0 --pictures 10000 --workers 2

Then what a judge of boxes keeps of a picture, and what merging takes. Needs Apache Beam: make soak-beam.
"""

import argparse
import importlib.util
import pickle
import re
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import cv2
import numpy as np

from metricfit.app.beam.outcome import Outcome
from metricfit.trainers.data.example import Example
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.metrics import Found

ROOT = Path(__file__).parents[2]
MODEL = "saliency_mobile"
CLASSES = tuple(f"kind {index}" for index in range(20))


def made_up(folder: Path, pictures: int, seed: int) -> str:
    """Draw discs on noise, with their masks; gives the source."""
    rng = np.random.default_rng(seed)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(pictures):
        height, width = (int(side) for side in rng.integers(60, 160, 2))
        mask = np.zeros((height, width), np.uint8)
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.circle(mask, centre, int(rng.integers(8, 50)), 255, -1)
        image = rng.integers(0, 90, (height, width, 3), np.uint8)
        image[mask > 0] += np.uint8(rng.integers(40, 150))
        cv2.imwrite(str(folder / f"images/{number:06d}.jpg"), image)
        cv2.imwrite(str(folder / f"masks/{number:06d}.png"), mask)
    return f"folder:{folder}"


def typed(folder: Path, *arguments: str) -> tuple[float, str]:
    """Run the program; gives the seconds and what it said. It ends the check where it fails."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "metricfit", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return time.perf_counter() - started, done.stdout


def different(first: Path, second: Path) -> list[str]:
    """Name the files that two folders do not have alike."""
    names = {
        str(path.relative_to(folder)) for folder in (first, second) for path in folder.rglob("*") if path.is_file()
    }
    names = {name for name in names if not name.startswith(("parts/", "results.jsonl"))}
    return sorted(name for name in names if _bytes(first / name) != _bytes(second / name))


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def attempt(folder: Path, pictures: int, workers: int, seed: int, predicted: int) -> str:
    """Evaluate and predict in one process and in several; gives what is wrong, empty if nothing is."""
    data = made_up(folder / "data", pictures, seed)
    common = [MODEL, "--data", data, "--quiet"]
    runner = ["--runner", "direct", "--runner-options", f"direct_num_workers={workers}"]
    one, _ = typed(folder, "evaluate", *common, "--out", "one")
    many, said = typed(folder, "evaluate", *common[:-1], "--out", "many", *runner)
    cost = re.search(r"a picture took, .*", said)
    print(f"evaluate: {_rates(pictures, one, many, workers)}; {cost[0] if cost else ''}", flush=True)
    if wrong := different(folder / "one", folder / "many"):
        return f"of the evaluation differ {', '.join(wrong)}"
    (folder / "some.txt").write_text("".join(f"data/images/{number:06d}.jpg\n" for number in range(predicted)))
    common = [MODEL, "some.txt", "--quiet"]
    one, _ = typed(folder, "predict", *common, "--out", "found")
    many, _ = typed(folder, "predict", *common, "--out", "parts", *runner)
    print(f"predict: {_rates(predicted, one, many, workers)}", flush=True)
    wrong = different(folder / "found", folder / "parts")
    return f"of the prediction differ {', '.join(wrong[:3])}" if wrong else ""


def _rates(pictures: int, one: float, many: float, workers: int) -> str:
    rates = f"{pictures / one:.1f} a second in one process, {pictures / many:.1f} in {workers}"
    return f"{pictures} pictures, {rates} ({one / many:.2f} times)"


def boxes_of(rng: np.random.Generator, found: int) -> tuple[Example, Found]:
    """Make up a picture with three objects, and as many found boxes as asked for."""

    def boxes(count: int) -> np.ndarray:
        corners = rng.integers(0, 400, (count, 2)).astype(np.float32)
        return np.concatenate([corners, corners + rng.integers(8, 200, (count, 2))], axis=1).astype(np.float32)

    example = Example(np.zeros((1, 1, 3), np.uint8), boxes=boxes(3), classes=rng.integers(0, 20, 3).astype(np.int32))
    near = example.boxes[rng.integers(0, 3, found)] + rng.normal(0, 9, (found, 4)).astype(np.float32)
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2])
    return example, Found(near, rng.random(found, np.float32), rng.integers(0, 20, found))


def kept(pictures: int, found: int, parts: int = 64) -> str:
    """Judge boxes in parts; says what is kept of a picture, and what merging and the result take."""
    rng, judges = np.random.default_rng(found), []
    started = time.process_time()
    for start in range(0, pictures, -(-pictures // parts)):
        stop = min(start + -(-pictures // parts), pictures)
        judges.append(BoxJudge(CLASSES, start=start))
        for _ in range(start, stop):
            judges[-1].update(*boxes_of(rng, found))
    judged = time.process_time() - started
    coded = [Outcome(judge).encode() for judge in judges]
    plain = sum(len(pickle.dumps(judge, protocol=5)) for judge in judges)
    started, whole = time.process_time(), Outcome()
    for data in coded:
        whole.merge(Outcome.decode(data))
    merged = time.process_time() - started
    size, started = len(whole.encode()), time.process_time()
    assert whole.judge is not None
    whole.judge.result()
    spent = time.process_time() - started
    assert zlib.decompress(whole.encode().partition(b"\n")[2])
    return (
        f"boxes: {pictures} pictures, 3 true and {found} found boxes each: {size / pictures:.0f} bytes a picture "
        f"({plain / pictures:.0f} before compression); made up and judged in {1e3 * judged / pictures:.2f} ms, decoded "
        f"and merged in {1e3 * merged / pictures:.3f} ms, the result in {1e3 * spent / pictures:.2f} ms a picture"
    )


def main() -> int:
    """Try it so often; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--predicted", type=int, default=500, help="of them, also predicted")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    tried = failed = 0
    if importlib.util.find_spec("apache_beam") is None:
        print("pipelines: skipped, Apache Beam is not installed here: make soak-beam has it")
    else:
        for number in range(options.times):
            with tempfile.TemporaryDirectory() as folder:
                arguments = (options.pictures, options.workers, options.seed + number, options.predicted)
                wrong = attempt(Path(folder), *arguments)
            tried, failed = tried + 1, failed + bool(wrong)
            print(f"seed {options.seed + number}: {wrong or 'the same'}", flush=True)
    for found in (10, 100):
        print(kept(options.pictures, found), flush=True)
    print(f"beam: tried {tried}, passed {tried - failed}, failed {failed}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
