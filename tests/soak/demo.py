"""The demo for a long time: memory, threads and open files stay as they are, and its recordings play.

python -m tests.soak.demo --minutes 20 --seed 0
"""

import argparse
import contextlib
import ctypes
import gc
import io
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from metricfit.app.live.demo import Demo
from metricfit.app.live.options import DemoOptions
from metricfit.app.live.sources import open_frames
from metricfit.app.predictor import Predictor, load_predictor
from tests.app.fakes import load_fake_predictor, make_video

WARM_UP = 0.4
"""Of the time: what is allocated then is not held against it."""
MOST = 4 << 20
"""Bytes that the memory may grow by after that, however long it takes."""
LIBC = "libc.so.6"
_ARENAS = -8  # mallopt's number of M_ARENA_MAX
LEAST = 30
"""Frames of a recording, so that every view is drawn within the warm-up on busy cores, too."""
Each = Callable[[], None]  # called at each frame
STEPS = (0.05, -0.05, 0.01, -0.01)


@dataclass
class Samples:
    """What the process takes, as it goes."""

    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def take(self, start: float) -> None:
        """Look, between two recordings."""
        gc.collect()
        # What is free already counts for nothing.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(LIBC).malloc_trim(0)
        self.seconds.append(time.monotonic() - start)
        self.memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        self.threads.append(threading.active_count())
        self.files.append(len(os.listdir("/proc/self/fd")))

    def faults(self) -> list[str]:
        """Say what grows."""
        first = int(len(self.seconds) * WARM_UP)
        seconds, memory = np.array(self.seconds[first:]), np.array(self.memory[first:], float)
        growth = np.polyfit(seconds - seconds[0], memory, 1)[0] * (seconds[-1] - seconds[0])
        grown = []
        if growth > MOST:
            grown.append(f"memory grows by {growth / 2**20:.1f} MB in {seconds[-1] - seconds[0]:.0f} s")
        for name, counts in (("threads", self.threads), ("open files", self.files)):
            if counts[-1] > max(counts[: first + 1]):
                grown.append(f"{name} grow from {counts[first]} to {counts[-1]}")
        return grown

    def __str__(self) -> str:
        memory = f"{self.memory[0] / 2**20:.0f}, then {self.memory[-1] / 2**20:.0f} MB"
        return f"{memory}, {self.threads[-1]} threads, {self.files[-1]} open files"


def share_one_pool() -> None:
    """Let the threads that come now have their memory of the main pool, the only one that glibc trims to its end.

    Encoders' threads come and go: each of several pools keeps the most that was ever free at its end, some 5 MB.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(LIBC).mallopt(_ARENAS, 1)


def attempt(
    predictor: Predictor, folder: Path, rounds: int, enough: Callable[[int, int], bool], rng: random.Random, each: Each
) -> tuple[list[str], Samples, int]:
    """Play rounds, a recording each, until `enough(round, frames)`; gives what is wrong, what was taken, and frames."""
    sources = [str(make_video(folder / "in.mp4", frames=50, height=240, width=320)), "scenes"]
    samples, faults, frames, start = Samples(), [], 0, time.monotonic()
    for number in range(rounds):
        path = folder / f"recorded{('.mp4', '.mkv', '.avi')[number % 3]}"
        path.unlink(missing_ok=True)
        with contextlib.redirect_stdout(io.StringIO()):
            summary = play(predictor, sources[number % 2], path, partial(enough, number), rng, each)
        frames += summary
        if (played := count_frames(path)) != summary:
            faults.append(f"{played} of {summary} frames of {path.name} play")
        samples.take(start)
    return [*faults, *samples.faults()], samples, frames


def play(
    predictor: Predictor, source: str, path: Path, enough: Callable[[int], bool], rng: random.Random, each: Each
) -> int:
    """Play a source again and again until it is enough, with keys pressed; gives the number of frames."""
    frames = open_frames(source)
    demo = Demo(DemoOptions(source=source, record=path, headless=True, quiet=True, out=path.parent), frames, predictor)
    try:
        while not enough(demo.summary.frames):
            if (frame := frames.read()) is None:
                frames.restart()
                continue
            _, picture = demo.predict(frame)
            demo.record(picture, 0.0)
            if demo.summary.frames % 7 == 0:
                demo.view, demo.objects = rng.choice(demo.views), rng.random() < 0.5
                demo.threshold = demo.task.move(demo.threshold, rng.choice(STEPS))
            each()
    finally:
        demo.finish()
        frames.close()
    assert len(demo.summary.latencies) == demo.summary.frames
    return demo.summary.frames


def count_frames(path: Path) -> int:
    """Count the frames that a video gives."""
    capture, count = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def main() -> int:
    """Play for a long time; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="saliency_mobile", help="'fake' for one that takes no time")
    options = parser.parse_args()
    share_one_pool()
    failed, rounds = 0, max(15, round(4 * options.minutes))
    for number in range(options.times):
        predictor = load_fake_predictor() if options.model == "fake" else load_predictor(options.model)
        with tempfile.TemporaryDirectory() as folder:
            rng, start = random.Random(options.seed + number), time.monotonic()

            def enough(place: int, frames: int, start: float = start) -> bool:
                return frames >= LEAST and time.monotonic() > start + 60 * options.minutes * (place + 1) / rounds

            faults, samples, frames = attempt(predictor, Path(folder), rounds, enough, rng, lambda: None)
        failed += bool(faults)
        print(f"{frames} frames in {rounds} recordings: {'; '.join(faults) or samples}", flush=True)
    print(f"demo: tried {options.times}, passed {options.times - failed}, failed {failed}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
