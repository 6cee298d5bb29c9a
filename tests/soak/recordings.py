"""Recordings that are ended by anything: what plays of them, with each of the encoders.

python -m tests.soak.recordings --times 3 --seed 0
"""

import argparse
import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from metricfit.app.live import encoders
from metricfit.app.live.recording import Recording, part_of
from metricfit.trainers.errors import MetricfitError, Terminated
from metricfit.trainers.stopping import unwinding_when_asked_to_end

ROOT = Path(__file__).parents[2]
WAYS = [("av", ".mp4"), ("av", ".mkv"), ("av", ".avi"), ("ffmpeg", ".mp4"), ("ffmpeg", ".mkv"), ("opencv", ".avi")]
ENDS = ("kill", "kill all", "term", "hangup", "group", "full")
SIZE, FPS = (120, 160), 25.0
WIDTH = 8  # of the bars by whose place a frame's number is read
HELD_BACK = {"av": 2 * FPS + 8, "ffmpeg": 2 * FPS + 8, "opencv": 40}
"""Frames that a killed process may lose: a second in the encoder, one on the way to the file, and what waits."""


def picture(number: int, noise: float = 0.0) -> np.ndarray:
    """A picture that says its number by a white bar for each of eight bits; noise makes large files."""
    height, width = SIZE
    image = np.full((height, width, 3), (10, 20, 60), np.uint8)
    if noise:
        image[height // 2 :] = np.random.default_rng(number).integers(0, 256, (height - height // 2, width, 3))
    for bit in range(8):
        if number >> bit & 1:
            image[: height // 2, 2 * bit * WIDTH : (2 * bit + 1) * WIDTH] = 255
    return image


def number_of(image: np.ndarray) -> int:
    """Read the number of a picture back."""
    half, middle = SIZE[0] // 4, WIDTH // 2
    return sum(int(image[half, 2 * bit * WIDTH + middle].min() > 128) << bit for bit in range(8))


def frames_of(path: Path) -> list[int]:
    """Give the numbers of a video's frames; none where it does not play."""
    capture, numbers = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    while (read := capture.read())[0]:
        numbers.append(number_of(read[1][..., ::-1]))
    capture.release()
    return numbers


def record(way: str, path: Path, count: int, pause: float, noise: float) -> None:
    """Be the process that records: says each frame that its encoder has taken, and waits for its end."""
    if way != "av":
        encoders.find_spec = lambda name: None
    if way == "opencv":
        encoders.shutil.which = lambda name: None
    with unwinding_when_asked_to_end(), contextlib.closing(Recording(path, FPS)) as recording:
        for number in range(count):
            recording.write(picture(number, noise))
            time.sleep(pause)
            print(recording._written, flush=True)
        while True:
            time.sleep(0.02)
            print(recording._written, flush=True)


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A disk of a few megabytes; OSError where that is not allowed."""
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], capture_output=True, check=False
        )
        if done.returncode:
            raise OSError(done.stderr.decode())
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def attempt(way: str, suffix: str, end: str, folder: Path, count: int = 120, pause: float = 0.0) -> str:
    """Record in a process, end it, and look at what is left; gives what is wrong, empty if nothing is."""
    path = folder / f"out{suffix}"
    command = [sys.executable, "-m", "tests.soak.recordings", "--record", way, str(path)]
    count, noise = (100_000, 1.0) if end == "full" else (count, 0.0)
    command += ["--count", str(count), "--pause", str(pause), "--noise", str(noise)]
    child = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    taken = 0
    for line in child.stdout:
        taken = int(line)
        if taken >= count:
            break
    if end == "group":  # as Ctrl-C in a terminal, which reaches the program ffmpeg, too, if it is in our group
        os.killpg(child.pid, signal.SIGINT)
    elif end == "kill all":
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        for process in (child.pid, *map(int, children)):
            os.kill(process, signal.SIGKILL)
    elif end != "full":
        child.send_signal({"kill": signal.SIGKILL, "term": signal.SIGTERM, "hangup": signal.SIGHUP}[end])
    said = child.communicate(timeout=60)[1].strip()
    if way == "ffmpeg" and end == "kill":
        time.sleep(0.5)  # the program sees the end of its input, and finishes the file
    return judge(way, end, path, taken, said)


def judge(way: str, end: str, path: Path, taken: int, said: str) -> str:
    """Say what is wrong with what is left of a recording of so many frames."""
    place = part_of(path) if end.startswith("kill") else path
    left = sorted(file.name for file in path.parent.iterdir())
    if left != [place.name]:
        return f"left {left}"
    found = frames_of(place)
    least = taken - HELD_BACK[way] if end in ("kill", "kill all", "full") else taken
    if len(found) < least:
        return f"{len(found)} of {taken} frames play"
    # The last one comes before those between it and the one before, which are made of both: they may be missing.
    steps = [(later - former) % 256 for former, later in itertools.pairwise(found)]
    if found[:1] != [0] or set(steps[:-2]) - {1} or max(steps[-2:]) > 4:
        return f"other frames than were written: {found[-5:]} of {len(found)}"
    lines = [line for line in said.splitlines() if "warn" not in line.lower()]
    if end == "full" and (len(lines) != 1 or "stopped after" not in said):
        return f"{len(lines)} lines about a full disk: {said[:300]}"
    return ""


def main() -> int:
    """Try every encoder with every end; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", nargs=2, metavar=("WAY", "PATH"))
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--noise", type=float, default=0.0)
    options = parser.parse_args()
    if options.record:
        return recorded(options)
    rng, failed, tried = random.Random(options.seed), 0, 0
    for way, suffix in WAYS:
        if way == "ffmpeg" and not shutil.which("ffmpeg"):
            continue
        for end in ENDS:
            for _ in range(options.times):
                count, pause = rng.randint(60, 250), rng.choice((0.0, 0.004))
                with small_disk(6) if end == "full" else tempfile.TemporaryDirectory() as folder:
                    wrong = attempt(way, suffix, end, Path(folder), count, pause)
                tried, failed = tried + 1, failed + bool(wrong)
                print(f"{way} {suffix} {end} after {count}: {wrong or 'plays'}", flush=True)
    print(f"recordings: tried {tried}, passed {tried - failed}, failed {failed}")
    return int(failed > 0)


def recorded(options: argparse.Namespace) -> int:
    """Run as the process that records; errors become one line, as in the program."""
    way, path = options.record
    try:
        record(way, Path(path), options.count, options.pause, options.noise)
    except (MetricfitError, Terminated) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        pass
    return 1


if __name__ == "__main__":
    sys.exit(main())
