"""How often the intervals of AP hold what AP is: pictures made by chance, whose AP is known from thousands of them.

    python -m tests.soak.ap_intervals --times 8 --seed 1

Each try draws sets of pictures of one made-up detector and looks whether the 95 % intervals, of all classes and of
each, hold the AP of many. Intervals of few pictures are too narrow, and AP's more than most: a try fails below 85 %.
"""

import argparse
import sys

import numpy as np

from metricfit.trainers.metrics import CocoAP, Found, Truth
from metricfit.trainers.metrics.ranking.resampled import ap_intervals

CLASSES = ("common", "less so", "rare", "rarest")
LEAST = 0.85


def picture(rng):
    """Make one picture: some are harder than others, as in life, and a detector is less sure of what it misplaces."""
    count, hardness = rng.integers(0, 7), 0.6 * rng.random()
    corners = rng.random((count, 2)) * 150
    boxes = np.concatenate([corners, corners + 20 + 75 * rng.random((count, 2))], axis=1)
    kinds = np.minimum(rng.geometric(0.55, count) - 1, len(CLASSES) - 1)
    found, scores, classes = [], [], []
    for box, kind in zip(boxes, kinds):
        for _ in range(rng.integers(0, 3)):
            good = rng.random() > hardness
            moved = box + rng.normal(0, 3 if good else 12, 4)
            found.append([*moved[:2], *np.maximum(moved[2:], moved[:2] + 1)])
            scores.append(np.clip(rng.normal(0.65 if good else 0.35, 0.15), 0, 1))
            classes.append(kind if rng.random() < 0.85 else rng.integers(0, len(CLASSES)))
    for _ in range(rng.poisson(2)):
        corner = rng.random(2) * 150
        found.append([*corner, *(corner + 40)])
        scores.append(np.clip(rng.normal(0.3, 0.15), 0, 1))
        classes.append(rng.integers(0, len(CLASSES)))
    return Truth(boxes, kinds), Found(np.array(found).reshape(-1, 4), scores, np.array(classes, int))


def tried(seed, sets, pictures, count, many, moved=0.0):
    """Give how many intervals hold the AP of `many` pictures, plus `moved`, and how many there were."""
    rng = np.random.default_rng(seed)
    coco = CocoAP(CLASSES)
    for _ in range(many):
        coco.update(*picture(rng))
    result = coco.result()
    right = moved + np.array([result.ap, *result.class_ap])
    held = all_tries = 0
    for place in range(sets):
        found = ap_intervals([picture(rng) for _ in range(pictures)], len(CLASSES), count=count, seed=place)
        ends = np.array([found.ap, *found.class_ap])
        there = ~np.isnan(ends[:, 0])
        held += int(((ends[:, 0] <= right) & (right <= ends[:, 1]))[there].sum())
        all_tries += int(there.sum())
    return held, all_tries


def main() -> int:
    """Try, say what was found, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", type=int, default=40)
    given = parser.parse_args()
    passed = 0
    for seed in range(given.seed, given.seed + given.times):
        for pictures in (30, 100):
            held, all_tries = tried(seed, given.sets, pictures, count=300, many=6000)
            fine = held >= LEAST * all_tries
            passed += fine
            share = f"{held} of {all_tries} intervals hold it ({held / all_tries:.0%})"
            print(f"seed {seed}, sets of {pictures} pictures: {share}{'' if fine else ': too few'}", flush=True)
    tries = 2 * given.times
    print(f"ap_intervals: tried {tries}, passed {passed}, failed {tries - passed}")
    return int(passed < tries)


if __name__ == "__main__":
    sys.exit(main())
