"""How well the box of a turned thing is known from its box alone: around the ellipse that it holds, or the corners.

Objects of the embedded scenes are turned, whose pixels say which box is right. Says the mean IoU with that box, and the
share of boxes with an IoU below one half; a try has passed where the ellipse is the better one at every angle.

    python -m tests.soak.turned_boxes --times 3 --seed 0
"""

import argparse
import sys

import numpy as np

from metricfit.trainers.data.augmentation.turning import Turn
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.geometry import box_iou

ANGLES = (10, 30, 45, 180)


def shapes(count):
    """Give the pixels (x, y) of the objects of some scenes that touch no edge, each with its box."""
    source, found = Scenes("val"), []
    for index in range(count):
        example = source.load(index)
        height, width = example.labels.shape
        for box, kind in zip(example.boxes.astype(int), example.classes):
            part = example.labels[box[1] : box[3], box[0] : box[2]] == kind
            if (box[:2] > 0).all() and box[2] < width and box[3] < height:
                found.append(np.argwhere(part)[:, ::-1] + 0.5 + box[:2])
    return found


def overlaps(points, most, rng):
    """Give the IoUs of both rules' boxes with the right one, for a turn of at most so many degrees."""
    low, high = points.min(axis=0) - 0.5, points.max(axis=0) + 0.5
    turn = Turn.drawn((256, 256), rng, most)
    c, s = np.cos(turn.angle), np.sin(turn.angle)
    turned = (points - 128) @ np.array([[c, s], [-s, c]]) + 128
    right = np.concatenate([turned.min(axis=0) - 0.5, turned.max(axis=0) + 0.5])
    boxes = turn.boxes(np.tile(np.concatenate([low, high]), (2, 1)), np.array([False, True]))
    return box_iou(boxes, right[None])[:, 0]


def compared(count, seed):
    """Give {angle: IoUs [n, 2] by the ellipse and by the corners} of the objects of so many scenes."""
    rng, things = np.random.default_rng(seed), shapes(count)
    return {most: np.array([overlaps(points, most, rng) for points in things]) for most in ANGLES}


def main() -> int:
    """Compare as often as is asked for; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    passed = 0
    for number in range(options.times):
        found = compared(200, options.seed + number)
        passed += all((ious[:, 0].mean() > ious[:, 1].mean()) for ious in found.values())
        for most, ious in found.items():
            (ellipse, corners), (lost, wrong) = ious.mean(axis=0), (ious < 0.5).mean(axis=0)
            print(
                f"{number}: {len(ious)} objects, up to {most} degrees: ellipse {ellipse:.3f} ({lost:.1%} below 0.5), "
                f"corners {corners:.3f} ({wrong:.1%})"
            )
    print(f"turned_boxes: tried {options.times}, passed {passed}, failed {options.times - passed}")
    return int(passed < options.times)


if __name__ == "__main__":
    sys.exit(main())
