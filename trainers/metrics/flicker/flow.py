"""How a picture moves from one frame to the next, found by optical flow."""

from typing import Any

import cv2
import numpy as np

LONGEST = 512
"""Pixels along the longer side: larger frames are looked at smaller."""
_LEAST, _SLIMMEST = 16, 8  # pixels of a side, and sides of the shorter one in the longer: OpenCV finds no flow beyond


def flow_between(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Find from where each pixel of a frame came.

    Flow by OpenCV's DIS (Kroeger et al., ECCV 2016), both ways; pixels where these contradict each other, as where
    something was hidden, have no motion (Sundaram et al., ECCV 2010, eq. 5). Frames of more than `LONGEST` pixels are
    looked at smaller.

    Args:
        before: uint8 [H, W, 3], RGB.
        now: the frame after it, of the same size.

    Returns:
        float32 [H, W, 2], what leads from each pixel of `now` to where it was in `before`, (x, y) in pixels; NaN where
        that is not known.
    """
    height, width = now.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    small = max(1, round(height * scale)), max(1, round(width * scale))
    old, new = (_grey(frame, small) for frame in (before, now))
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    motion, back = (np.asarray(search.calc(one, other, None)) for one, other in ((new, old), (old, new)))
    returned = sampled(back, grid((motion.shape[0], motion.shape[1])) + motion)
    lengths = (motion**2).sum(axis=-1) + (returned**2).sum(axis=-1)
    motion[((motion + returned) ** 2).sum(axis=-1) > 0.01 * lengths + 0.5] = np.nan
    motion = motion[: small[0], : small[1]]
    if small == (height, width):
        return motion
    motion = cv2.resize(motion, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(motion * np.array([width / small[1], height / small[0]], np.float32))


def grid(shape: tuple[int, int]) -> np.ndarray:
    """Give the place (x, y) of each pixel of a frame [H, W]: float32 [H, W, 2]."""
    columns, rows = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return np.stack([columns, rows], axis=-1)


def sampled(values: np.ndarray, places: np.ndarray, *, nearest: bool = False) -> np.ndarray:
    """Give values float32 [H, W] or [H, W, 2] at places float32 [H, W, 2], bilinearly; of uint8 those `nearest`."""
    remap: Any = cv2.remap  # whose types know no places in one array
    way = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.asarray(remap(values, places, None, way, borderMode=cv2.BORDER_REPLICATE))


def _grey(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Give a frame in grey and of that size, its edges repeated where it is too small or slim."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    if grey.shape != size:
        grey = cv2.resize(grey, size[::-1], interpolation=cv2.INTER_AREA)
    least = max(_LEAST, max(size) // _SLIMMEST)
    below, right = (max(0, least - side) for side in size)
    return np.asarray(cv2.copyMakeBorder(grey, 0, below, 0, right, cv2.BORDER_REPLICATE))
