"""Parts of a large picture that are shown to a detector one by one, since small objects vanish in the whole.

As slicing aided hyper inference does (Akyon et al., ICIP 2022): tiles that overlap, and the whole picture besides.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import UsageError
from ..geometry import InputSize, Size, height_width

AUTO = "auto"
MOST = 64
"""Tiles along a picture's longer side."""
_NEAR = 0.01  # of a tile's longer side: what ends so near to its edge may go on behind it


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut into tiles of the shape of the input, but where it is narrower; UsageError out of range.

    Attributes:
        along: tiles along its longer side, as measured by the input's, 2 to 64; "auto" takes as many as show it at its
            own size.
        overlap: share of a tile's side that the next one shows, too, 0 to 0.9.
    """

    along: int | str = AUTO
    overlap: float = 0.2

    def __post_init__(self) -> None:
        if self.along != AUTO and not (isinstance(self.along, int) and 2 <= self.along <= MOST):
            raise UsageError(f"--tiles must be auto or a number from 2 to {MOST}, got {self.along}")
        if not 0 <= self.overlap <= 0.9:
            raise UsageError(f"--tile-overlap must be from 0 to 0.9, got {self.overlap}")

    def windows(self, size: Size, inside: InputSize) -> "list[Window]":
        """Give the tiles of a picture (height, width) for a network's input, row by row; none where it fits."""
        inner = height_width(inside)
        longer = max((0, 1), key=lambda axis: size[axis] / inner[axis])
        if self.along == AUTO:
            along = min(_count(size[longer], inner[longer], self.overlap), MOST)
            if along == 1:
                return []
        else:
            along = int(self.along)
        length = math.ceil(size[longer] / (along - (along - 1) * self.overlap))
        lengths = (math.ceil(length * side / inner[longer]) for side in inner)
        rows, columns = (list(_spans(whole, part, self.overlap)) for whole, part in zip(size, lengths))
        found = [Window(*row, *column) for row in rows for column in columns]
        return found if len(found) > 1 else []


def tiling_of(text: str | None, overlap: float | None) -> Tiling | None:
    """Make a tiling of what the flags say; None without `--tiles`."""
    if text is None:
        if overlap is not None:
            raise UsageError("--tile-overlap is of tiles: give --tiles auto, or a number of them, as well")
        return None
    try:
        along = text if text == AUTO else int(text)
    except ValueError:
        raise UsageError(f"--tiles must be auto or a number from 2 to {MOST}, got {text}") from None
    return Tiling(along) if overlap is None else Tiling(along, overlap)


@dataclass(frozen=True)
class Window:
    """A part of a picture, in its pixels; the last row and column are exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> Size:
        """Its (height, width)."""
        return self.bottom - self.top, self.right - self.left

    def cuts(self, boxes: np.ndarray, size: Size) -> np.ndarray:
        """Tell which boxes found in it end at an edge behind which the picture (height, width) goes on, bool [n].

        They are float [n, 4], in pixels of the picture.
        """
        near = _NEAR * max(self.size)
        ends = ((0, self.left, 0), (1, self.top, 0), (2, self.right, size[1]), (3, self.bottom, size[0]))
        found = np.zeros(len(boxes), bool)
        for place, edge, outer in ends:
            if edge != outer:
                found |= np.abs(boxes[:, place] - edge) <= near
        return found


def _count(whole: int, length: int, overlap: float) -> int:
    """Count the spans of at most this length that cover a side and overlap by at least this share."""
    return max(1, math.ceil((whole / length - overlap) / (1 - overlap) - 1e-9))


def _spans(whole: int, length: int, overlap: float) -> Iterator[tuple[int, int]]:
    """Spread spans of a length evenly over a side."""
    if length >= whole:
        yield 0, whole
        return
    count = _count(whole, length, overlap)
    for index in range(count):
        start = (2 * index * (whole - length) + count - 1) // (2 * (count - 1))
        yield start, start + length
