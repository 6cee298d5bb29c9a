"""Boxes that were written in another way than their format says, which all of them together show."""

import numpy as np

BEYOND = 1.1
"""A box that reaches so many times as far as its picture is no slip of the hand."""


def numbers(bbox: object) -> tuple[float, ...] | None:
    """Give the four numbers of a bbox; text and truth values would pass as numbers, an object's keys as a list."""
    if isinstance(bbox, list) and len(bbox) == 4 and all(type(value) in (int, float) for value in bbox):
        return tuple(map(float, bbox)) if all(abs(value) < 1e12 for value in bbox) else None
    return None


def other_coding(table: np.ndarray) -> str:
    """Tell what boxes are that cannot all be [x, y, width, height], in a few words; empty where they can.

    The table has a row for each, see `usable_rows`.
    """
    first, second, corner, area = table[:, :2], table[:, 2:4], table[:, 4:6], table[:, 6]
    beyond = (first + second > BEYOND * corner).any(axis=1)
    often = beyond.sum() >= max(2, len(table) / 3)
    corners = (second > first).all() and (first >= -1).all() and (second <= corner + 1).all()
    spans, products = (second - first).prod(axis=1), second.prod(axis=1)
    by_area = np.isclose(area, spans, 0.01) & ~np.isclose(area, products, 0.1)
    if len(table) and corners and (often or by_area.all()):
        return "corners [x0, y0, x1, y1]"
    if often and (first - second / 2 >= -1).all() and (first + second / 2 <= corner + 1).all():
        return "centres with sizes [x, y, width, height], x and y in the middle of the box"
    if often and ((first + second)[:, ::-1] <= corner + 1).all():
        return "rows before columns [y, x, height, width]"
    return ""


def other_shares(boxes: np.ndarray) -> str:
    """Tell what boxes are that cannot all be a centre with a size, in shares of the sides; see `other_coding`.

    The boxes are the corners float64 [n, 4] that they would have as such.
    """
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    beyond = ((boxes < 1 - BEYOND) | (boxes > BEYOND)).any(axis=1)
    if beyond.sum() < max(3, len(boxes) / 3):
        return ""
    fits = {
        "corners, x0 y0 x1 y1": (sizes > centres).all(),
        "x y width height with x and y at the top left": (centres + sizes <= 1.02).all(),
    }
    return " or as ".join(meant for meant, all_fit in fits.items() if all_fit)


def sizes_for_corners(table: np.ndarray) -> str:
    """Tell of boxes that are meant as [x0, y0, x1, y1] whether they are [x, y, width, height]; see `other_coding`."""
    first, second = table[:, :2], table[:, 2:4]
    inverted = (second < first).any(axis=1)
    if inverted.sum() < max(3, len(table) / 3) or (first + second > table[:, 4:6] + 1).any():
        return ""
    return f"{inverted.sum()} of {len(table)} boxes end before they begin, but all fit as [x, y, width, height]"


def counts_from_one(table: np.ndarray) -> bool:
    """Tell whether boxes look as if pixels counted from 1: none begins at 0, and some end one pixel beyond."""
    first, ends = table[:, :2], table[:, :2] + table[:, 2:4]
    return bool((first >= 1).all() and (ends == table[:, 4:6] + 1).any() and (ends <= table[:, 4:6] + 1).all())


def usable_rows(boxes: np.ndarray, sizes: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Give a row float64 [k, 7] for each usable box: its four numbers, its picture's width and height, its area.

    Args:
        boxes: float64 [n, 4], no numbers where a box is none.
        sizes: (height, width) of each one's picture, [n, 2], 0 or less where not known.
        areas: float64 [n].
    """
    usable = np.isfinite(boxes).all(axis=1) & (sizes > 0).all(axis=1)
    return np.column_stack([boxes[usable], sizes[usable][:, ::-1], areas[usable]]).astype(np.float64, copy=False)
