"""From which size on a picture is seen smaller by networks, and how it becomes so: the one rule for all verbs."""

from collections.abc import Callable

import numpy as np

from ...geometry import Size

LARGE = 64_000_000
"""A picture of more pixels is large: what networks see of it is made of a smaller version."""

SEEN = 16_000_000
"""So many pixels has a smaller version at most, unless that would leave its shorter side less than `LEAST_SIDE`."""

LEAST_SIDE = 1024

_BAND = 4_000_000  # pixels that are brought to RGB at once


def reduction(size: Size) -> int:
    """Give the power of 2 by which the sides of a picture (height, width) are divided for networks; 1 up to `LARGE`."""
    height, width = size
    factor = 1
    if height * width > LARGE:
        while height * width > SEEN * factor**2 and min(height, width) >= 2 * factor * LEAST_SIDE:
            factor *= 2
    return factor


def reduced_size(size: Size, factor: int) -> Size:
    """Give the (height, width) of a picture that was divided by a factor; what remains at the edges is a pixel, too."""
    return -(-size[0] // factor), -(-size[1] // factor)


def reduced(image: np.ndarray, factor: int) -> np.ndarray:
    """Average squares of `factor` pixels of uint8 [H, W, C], those at the right and lower edge cut: uint8 [h, w, C]."""
    if factor == 1:
        return image
    return by_bands((image.shape[0], image.shape[1]), lambda top, bottom: image[top:bottom], factor, image.shape[2])


def band_rows(size: Size, factor: int = 1) -> int:
    """Give the rows of a band of a picture: whole squares of `factor` pixels, and not many pixels."""
    return max(1, _BAND // (size[1] * factor)) * factor


def by_bands(size: Size, rows: Callable[[int, int], np.ndarray], factor: int = 1, channels: int = 3) -> np.ndarray:
    """Put together a picture of `size` of its bands, `rows(top, bottom)` uint8 [bottom - top, W, C], each reduced."""
    step = band_rows(size, factor)
    if step >= size[0]:
        return _averaged(rows(0, size[0]), factor)
    whole = np.empty((*reduced_size(size, factor), channels), np.uint8)
    for top in range(0, size[0], step):
        band = _averaged(rows(top, min(top + step, size[0])), factor)
        whole[top // factor : top // factor + len(band)] = band
    return whole


def _averaged(image: np.ndarray, factor: int) -> np.ndarray:
    """Average squares, halves rounded up; Pillow's own `reduce` is off by one at some edges."""
    if factor == 1:
        return image
    rows = image[::factor].astype(np.uint16)  # enough for 257 of them
    for offset in range(1, factor):
        part = image[offset::factor]
        rows[: len(part)] += part
    sums = rows[:, ::factor].astype(np.uint32)
    for offset in range(1, factor):
        part = rows[:, offset::factor]
        sums[:, : part.shape[1]] += part
    tall, wide = (np.minimum(factor, side - np.arange(0, side, factor)) for side in image.shape[:2])
    counts = (tall[:, None] * wide)[..., None].astype(np.uint32)
    averages: np.ndarray = (2 * sums + counts) // (2 * counts)
    return averages.astype(np.uint8)
