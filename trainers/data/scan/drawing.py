"""What is known about one picture drawn into it: masks, class maps and boxes."""

from collections.abc import Sequence

import numpy as np

from ...colours import class_colours
from ..example import IGNORE, Example, ignored_boxes
from ..images import resize_image, resize_mask

TINT = (255, 64, 96)
"""Colour of the salient region, and of the first class."""

_OUTLINE = (255, 255, 255)


def draw_example(example: Example, cell: int = 240, class_names: Sequence[str] = ()) -> np.ndarray:
    """Draw what is known about a picture into it.

    The salient region is tinted and outlined in white, classes are tinted by colour, ignored pixels are hatched in grey
    and boxes are framed; in dashes where they neither train nor count.

    Args:
        example: Any example.
        cell: The longer side of the drawing, in pixels.
        class_names: The names of the classes; label 0 is left untinted where it is called background.

    Returns:
        uint8 [h, w, 3], RGB.
    """
    import cv2

    scale = cell / max(example.image.shape[:2])
    height, width = (max(1, round(side * scale)) for side in example.image.shape[:2])
    canvas = resize_image(example.image, (height, width)).copy()
    regions = example.mask if example.mask is not None else example.labels
    if regions is not None:
        regions = resize_mask(regions, (height, width))
        if example.mask is not None:
            salient = (regions == 1).astype(np.uint8)
            _tint(canvas, salient == 1, np.array(TINT), 0.45)
            outlines, _ = cv2.findContours(salient, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(canvas, outlines, -1, _OUTLINE, 1, cv2.LINE_AA)
        else:
            tinted = (regions != IGNORE) & ((regions != 0) | (not has_background(class_names)))
            _tint(canvas, tinted, class_colours(256)[regions], 0.5)
        ignored = regions == IGNORE
        _tint(canvas, ignored, np.full(3, 128), 0.75)
        diagonals = (np.add.outer(np.arange(height), np.arange(width)) % 8) < 2
        canvas[ignored & diagonals] = 225
    if example.boxes is not None:
        colours = class_colours(1 + int(max(example.classes, default=0))) if example.classes is not None else [TINT]
        ignored = ignored_boxes(example)
        for index, box in enumerate(example.boxes):
            colour = colours[int(example.classes[index])] if example.classes is not None else TINT
            x0, y0, x1, y1 = (round(float(side) * scale) for side in box)
            if ignored[index]:
                _dashed(canvas, (x0, y0, x1 - 1, y1 - 1), colour)
                continue
            cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), _OUTLINE, 3)
            cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), tuple(int(part) for part in colour), 2)
    return canvas


def _dashed(canvas: np.ndarray, box: tuple[int, int, int, int], colour: Sequence[int], dash: int = 6) -> None:
    """Frame a box in dashes of its colour and white, two pixels thick."""
    height, width = canvas.shape[:2]
    x0, y0, x1, y1 = (int(np.clip(side, 0, limit - 1)) for side, limit in zip(box, (width, height) * 2))
    for x, y in [(x, y) for x in range(x0, x1 + 1) for y in (y0, y0 + 1, y1 - 1, y1)] + [
        (x, y) for y in range(y0, y1 + 1) for x in (x0, x0 + 1, x1 - 1, x1)
    ]:
        if 0 <= y < height and 0 <= x < width:
            canvas[y, x] = colour if (x + y) // dash % 2 == 0 else _OUTLINE


def has_background(class_names: Sequence[str]) -> bool:
    """Tell whether class 0 stands for no class, by its name."""
    return bool(class_names) and class_names[0] == "background"


def _tint(canvas: np.ndarray, where: np.ndarray, colour: np.ndarray, strength: float) -> None:
    colour = np.broadcast_to(colour, canvas.shape)
    canvas[where] = np.round((1 - strength) * canvas[where] + strength * colour[where]).astype(np.uint8)
