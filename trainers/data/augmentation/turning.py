"""Pictures turned about their middle, and what becomes of their boxes."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from ..fit import GREY
from .colours import Rng


@dataclass(frozen=True)
class Turn:
    """A turn of a picture of `size` (height, width) about its middle, clockwise by `angle` in radians, in its frame."""

    size: tuple[int, int]
    angle: float

    @classmethod
    def drawn(cls, size: tuple[int, int], rng: Rng, most: float) -> Self:
        """Draw a turn of at most so many degrees to either side."""
        return cls((size[0], size[1]), float(np.radians(rng.uniform(-most, most))))

    @property
    def _matrix(self) -> np.ndarray:
        """What takes points (x, y) of the picture, less its middle, to where they are seen, float64 [2, 2]."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]])

    def boxes(self, boxes: np.ndarray, ignored: np.ndarray) -> np.ndarray:
        """Give the upright boxes [n, 4] around what the turned ones hold; they may reach beyond the frame.

        Around the ellipse that a box holds: what is in a box seldom reaches into its corners, so the box around the
        turned corners would be too large. Boxes to ignore (bool [n]) get that one, to cover what they covered.
        """
        middle = np.array(self.size[::-1]) / 2
        corners = np.asarray(boxes, np.float64).reshape(-1, 2, 2)
        centres = (corners.mean(axis=1) - middle) @ self._matrix.T + middle
        halves, turned = (corners[:, 1] - corners[:, 0]) / 2, np.abs(self._matrix.T)
        round_ones = np.sqrt(halves**2 @ turned**2)
        reach = np.where(ignored[:, None], halves @ turned, round_ones)
        return np.concatenate([centres - reach, centres + reach], axis=1)

    def picture(self, image: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Give a window (x0, y0, x1, y1), whole numbers within the frame, of the turned picture uint8 [H, W, 3]."""
        middle = np.array(self.size[::-1]) / 2
        # OpenCV counts from the middle of the first pixel.
        shift = self._matrix @ (0.5 - middle) + middle - 0.5 - window[:2]
        matrix = np.column_stack([self._matrix, shift])
        sides = (int(window[2] - window[0]), int(window[3] - window[1]))
        return cv2.warpAffine(
            image, matrix, sides, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(GREY,) * 3
        )
