"""Small data for all tasks, with and without faults, and parts done by hand in any order."""

import random
from pathlib import Path

import cv2
import numpy as np

from metricfit.app.beam.evaluation import judge_part
from metricfit.app.beam.outcome import Outcome

from ..fakes import disc, save

MASKED, BOXED = 13, 10


def masked(folder: Path, *, bad: tuple[int, ...] = ()) -> str:
    """Discs with their masks; some of the pictures are none."""
    for number in range(MASKED):
        column = 30 + 8 * number
        save(folder / f"images/{number:02d}.png", disc(60, 160, column, 20))
        mask = cv2.circle(np.zeros((60, 160), np.uint8), (column, 30), 20, 255, -1)
        save(folder / f"masks/{number:02d}.png", np.dstack([mask] * 3))
    for number in bad:
        (folder / f"images/{number:02d}.png").write_bytes(b"broken")
    return f"folder:{folder}"


def boxed(folder: Path) -> str:
    """Blood cells as a child draws them, with their boxes, as YOLO writes them."""
    rng = np.random.default_rng(5)
    for number in range(BOXED):
        image, lines = np.full((128, 160, 3), 220, np.uint8), []
        for _ in range(1 + number % 3):
            kind, radius = int(rng.integers(3)), int(rng.integers(10, 24))
            x, y = int(rng.integers(25, 135)), int(rng.integers(25, 103))
            cv2.circle(image, (x, y), radius, [(150, 60, 160), (220, 120, 120), (90, 40, 150)][kind], -1)
            lines.append(f"{kind} {x / 160} {y / 128} {2 * radius / 160} {2 * radius / 128}")
        save(folder / f"images/{number:02d}.png", image)
        (folder / "labels").mkdir(exist_ok=True)
        (folder / f"labels/{number:02d}.txt").write_text("\n".join(lines) + "\n")
    (folder / "data.yaml").write_text("train: images\nnames: [Platelets, RBC, WBC]\n")
    return f"yolo:{folder}"


def merged_anyhow(work, seed: int) -> Outcome:
    """Judge the parts in any order, bring each to another process and back, and merge them by pairs, by chance."""
    rng = random.Random(seed)
    parts = list(work.places.parts())
    rng.shuffle(parts)
    outcomes = [Outcome.decode(judge_part(work, *part).encode()) for part in parts]
    while len(outcomes) > 1:
        first = outcomes.pop(rng.randrange(len(outcomes)))
        second = outcomes.pop(rng.randrange(len(outcomes)))
        first.merge(second)
        outcomes.append(Outcome.decode(first.encode()))
    return outcomes[0]
