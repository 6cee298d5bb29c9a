"""Boundary IoU of class maps: intersection over union near the classes' edges (Cheng et al., CVPR 2021, eq. 3).

Of large objects IoU hardly sees the edge. Here a class counts where it is no farther from another one, or from the
picture's edge, than a fiftieth of the picture's diagonal, in the labels and in what was found, each by itself.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from ..geometry import IGNORE
from .streaming import Streaming

REACH = 0.02
"""So much of a picture's diagonal reaches from an edge into a class, at least a pixel."""


def near_edges(labels: np.ndarray, distance: int) -> np.ndarray:
    """Tell which pixels of a class map uint8 [H, W] have another class, or no pixel, within so many: bool [H, W].

    Distances are the larger of those down and across, as of erosions with 3x3 pixels one after another.
    """
    height, width = labels.shape
    if 2 * distance >= min(height, width):
        return np.ones(labels.shape, bool)
    window = np.ones((2 * distance + 1,) * 2, np.uint8)
    inside: np.ndarray = cv2.erode(labels, window) == cv2.dilate(labels, window)
    inside[:distance] = inside[height - distance :] = False
    inside[:, :distance] = inside[:, width - distance :] = False
    return ~inside


class BoundaryIoU(Streaming):
    """Adds up pixels near edges, over all pictures; pixels whose label is ignored do not count, but edges end there."""

    _settings = ("class_names",)
    _sums = ("_pixels",)

    def __init__(self, class_names: Sequence[str]):
        self.class_names = tuple(class_names)
        self._pixels = np.zeros((3, len(self.class_names)), np.int64)  # of both, of the labels, of what was found

    def update(self, labels: np.ndarray, predicted: np.ndarray) -> None:
        """Take in a picture: labels uint8 [H, W] with 255 (ignore), and the classes found, uint8 [H, W]."""
        labels, predicted = np.asarray(labels, np.uint8), np.asarray(predicted, np.uint8)
        distance = max(1, round(REACH * float(np.hypot(*labels.shape))))
        counts = labels != IGNORE
        true, found = (near_edges(one, distance) & counts for one in (labels, predicted))
        both = true & found & (labels == predicted)
        for row, values in enumerate((labels[both], labels[true], predicted[found])):
            self._pixels[row] += np.bincount(values, minlength=len(self.class_names))

    def result(self) -> float:
        """Give the mean over the classes that the labels have near an edge; NaN where they have none."""
        both, true, found = self._pixels
        there = true > 0
        if not there.any():
            return float("nan")
        return float((both[there] / (true + found - both)[there]).mean())
