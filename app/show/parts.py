"""The connected parts of a mask or class map, as boxes: what a person would count as objects."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import cv2
import numpy as np

from .overlay_boxes import Boxes

SMALLEST = 0.001
"""Share of the picture that a part must have to count as an object; smaller ones are specks."""


@dataclass(frozen=True, eq=False)
class Parts(Boxes):
    """Connected parts, the largest first; a part's score is the mean of its pixels."""

    shares: np.ndarray = field(kw_only=True)  # float64 [n], of the picture's pixels

    def where(self, chosen: np.ndarray) -> Self:
        """Take some of the parts: a mask or indices [n]."""
        return replace(super().where(chosen), shares=self.shares[chosen])


def connected_parts(masks: dict[int, np.ndarray], scores: np.ndarray, **looks: Any) -> Parts:
    """Find the parts, touching at sides or corners, of masks uint8 [H, W], 0 where not, by class; scores [H, W]."""
    found = [(index, *part) for index, mask in masks.items() for part in _of_one(mask, scores)]
    found.sort(key=lambda part: -part[2])
    indices, boxes, areas, means = zip(*found) if found else ((), (), (), ())
    return Parts(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(means, np.float32), np.array(indices, np.int32),
        shares=np.array(areas, np.float64) / scores.size, **looks,
    )  # fmt: skip


def _of_one(mask: np.ndarray, scores: np.ndarray) -> list[tuple[tuple[int, int, int, int], int, float]]:
    """Give box, pixels and mean score of each part of a mask that is large enough."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = []
    for number, (x, y, width, height, area) in enumerate(stats.tolist()):
        if number > 0 and area >= SMALLEST * mask.size:
            inside = numbers[y : y + height, x : x + width] == number
            mean = cv2.mean(scores[y : y + height, x : x + width], inside.view(np.uint8))[0]
            found.append(((x, y, x + width, y + height), area, mean))
    return found
