"""What targets are drawn with: tints, hatching, frames."""

from collections.abc import Sequence

import numpy as np

from ..example import IGNORE

TINT = (255, 64, 96)
"""Colour of the salient region, and of the first class."""

OUTLINE = (255, 255, 255)


def tint(canvas: np.ndarray, where: np.ndarray, colour: np.ndarray, strength: float) -> None:
    """Mix a colour, or one for each pixel, into some pixels of a canvas uint8 [h, w, 3]."""
    colour = np.broadcast_to(colour, canvas.shape)
    canvas[where] = np.round((1 - strength) * canvas[where] + strength * colour[where]).astype(np.uint8)


def hatch_ignored(canvas: np.ndarray, values: np.ndarray) -> None:
    """Grey and hatch the pixels of a mask or class map that neither train nor count."""
    ignored = values == IGNORE
    tint(canvas, ignored, np.full(3, 128), 0.75)
    diagonals = (np.add.outer(np.arange(len(canvas)), np.arange(canvas.shape[1])) % 8) < 2
    canvas[ignored & diagonals] = 225


def dashed(canvas: np.ndarray, box: tuple[int, int, int, int], colour: Sequence[int], dash: int = 6) -> None:
    """Frame a box in dashes of its colour and white, two pixels thick."""
    height, width = canvas.shape[:2]
    x0, y0, x1, y1 = (int(np.clip(side, 0, limit - 1)) for side, limit in zip(box, (width, height) * 2))
    y, x = np.indices((height, width))
    frame = np.isin(x, (x0, x0 + 1, x1 - 1, x1)) & (y >= y0) & (y <= y1)
    frame |= np.isin(y, (y0, y0 + 1, y1 - 1, y1)) & (x >= x0) & (x <= x1)
    canvas[frame] = np.where(((x + y) // dash % 2 == 0)[frame, None], colour, OUTLINE)


def has_background(class_names: Sequence[str]) -> bool:
    """Tell whether class 0 stands for no class, by its name."""
    return bool(class_names) and class_names[0] == "background"
