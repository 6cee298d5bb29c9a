"""What data, models and export mean alike: sizes, boxes (x0, y0, x1, y1), codes of labels, how pictures are fitted."""

import re
from typing import Any

import numpy as np

from .errors import UsageError

IGNORE = 255  # the value of mask and label pixels that neither train nor count
IGNORED, PADDING = -2, -1  # codes among the classes of a batch: a box that neither trains nor counts, and no box
# `pad` keeps a picture's shape and fills up with grey at the right or bottom; `stretch` does not keep it.
RESIZINGS = ("pad", "stretch")


Size = tuple[int, int]
"""Height and width of a picture in pixels."""

InputSize = int | Size
"""What a network takes: the side of a square, or (height, width)."""


def height_width(size: InputSize) -> Size:
    """Give the height and width of a network's input."""
    return (size, size) if isinstance(size, int) else size


def input_size(given: Any) -> InputSize:
    """Read what a network's input is to be: a side, (height, width), or "256x448", which is high and wide.

    Of equal sides one is given. ValueError for anything else.
    """
    sides = given if isinstance(given, list | tuple) else [given]
    if isinstance(given, str) and (found := re.fullmatch(r"\s*(\d+)(?:\s*[x×]\s*(\d+))?\s*", given, re.IGNORECASE)):
        sides = [int(side) for side in found.groups() if side]
    if not all(isinstance(side, int) and not isinstance(side, bool) for side in sides) or len(sides) not in (1, 2):
        raise ValueError(f"a size is a side such as 192, or height x width such as 256x448, got {given}")
    height, width = sides[0], sides[-1]
    return height if height == width else (height, width)


def size_text(size: InputSize) -> str:
    """Write a network's input as it is typed: "192", or "256x448" of one that is 256 high."""
    return str(size) if isinstance(size, int) else f"{size[0]}x{size[1]}"


def check_size(size: InputSize, multiple: int = 32) -> None:
    """Raise UsageError for a network's input with a side, in pixels, that is not a multiple of what it halves."""
    sides = height_width(size)
    if any(side < multiple or side % multiple for side in sides):
        near = input_size([max(multiple, round(side / multiple) * multiple) for side in sides])
        raise UsageError(f"the size must be a multiple of {multiple}, got {size_text(size)}: try {size_text(near)}")


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Give the area of boxes [..., 4] as [...], 0 for those without extent or turned inside out."""
    return (boxes[..., 2:] - boxes[..., :2]).clip(0).prod(axis=-1)


def box_iou(boxes: np.ndarray, others: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """Give the IoU of boxes [n, 4] with others [m, 4], float64 [n, m]; with a crowd, over the box's own area."""
    boxes, others = np.asarray(boxes, np.float64), np.asarray(others, np.float64)
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    both = (high - low).clip(0).prod(axis=-1)
    area = box_areas(boxes)[:, None]
    union = area + box_areas(others)[None] - both
    if crowd is not None:
        union = np.where(crowd[None], area, union)
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)
