"""Augmentation of pictures with boxes in the manner of SSD (Liu et al., ECCV 2016, sections 2.2 and 3.6)."""

import cv2
import numpy as np

from ...geometry import InputSize, box_iou, height_width
from ..fit import GREY, fitted_size
from ..images import resize_image
from .colours import Rng, colour_matrix
from .settings import BoxAugmentation
from .turning import Turn

OVERLAPS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
"""The least IoU that a crop must have with some box; 0 lets any crop pass."""

MIN_SIDE = 1.0
"""Boxes that a crop or zoom leaves smaller than this, in pixels of the input, are left out."""

_TRIALS = 50
_MAX_ASPECT = 2.0


def expanded_window(size: tuple[int, int], rng: Rng, max_expand: float) -> np.ndarray:
    """Choose how far to zoom out, in half of the cases: int64 (x0, y0, x1, y1) around a picture (height, width)."""
    sides = np.array(size[::-1])
    if max_expand <= 1 or rng.random() < 0.5:
        return np.concatenate([[0, 0], sides])
    larger = np.round(sides * rng.uniform(1, max_expand)).astype(np.int64)
    corner = -rng.integers(larger - sides + 1)
    return np.concatenate([corner, corner + larger])


def cropped_window(window: np.ndarray, boxes: np.ndarray, rng: Rng, min_scale: float) -> np.ndarray:
    """Choose a crop that overlaps some box by at least an IoU drawn from `OVERLAPS`, and holds the centre of one.

    Each side is a share of `min_scale` to 1 of the window's. Without boxes any crop fits; in one of seven cases, and
    where none of 50 draws fits, the window (int64 [4]) stays.
    """
    if min_scale >= 1:
        return window
    choice = int(rng.integers(len(OVERLAPS) + 1))
    if choice == len(OVERLAPS):
        return window
    sides = window[2:] - window[:2]
    shares = rng.uniform(min_scale, 1, (_TRIALS, 2))
    cut = np.clip(np.round(shares * sides), 1, sides).astype(np.int64)
    corners = window[:2] + np.floor(rng.random((_TRIALS, 2)) * (sides - cut + 1)).astype(np.int64)
    crops = np.concatenate([corners, corners + cut], axis=1)
    aspect = shares[:, 0] / shares[:, 1]
    fits = (aspect <= _MAX_ASPECT) & (aspect >= 1 / _MAX_ASPECT)
    if len(boxes):
        fits &= (box_iou(crops, boxes) >= OVERLAPS[choice]).any(axis=1)
        fits &= holds_centre(crops, boxes).any(axis=1)
    found = np.flatnonzero(fits)
    return crops[found[0]] if len(found) else window


def large_enough(boxes: np.ndarray) -> np.ndarray:
    """Tell whether no side of boxes [n, 4], in pixels of the input, is below `MIN_SIDE`, as [n]."""
    large: np.ndarray = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(axis=1)
    return large


def holds_centre(crops: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Tell whether each crop [m, 4] holds the centre of each box [n, 4], as [m, n]."""
    centres = (boxes[None, :, :2] + boxes[None, :, 2:]) / 2
    held: np.ndarray = ((centres >= crops[:, None, :2]) & (centres < crops[:, None, 2:])).all(axis=2)
    return held


def augment_boxes(
    image: np.ndarray,
    boxes: np.ndarray,
    size: InputSize,
    resizing: str,
    rng: Rng,
    settings: BoxAugmentation,
    *,
    ignored: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn, zoom, crop, mirror and recolour one example, and fit it to the input; arguments as of `Target.augment`.

    A box stays when its centre is inside picture and crop, unless a side falls below `MIN_SIDE`. A box to ignore
    (`ignored`, bool [n]) has no say in where the crop is, and stays while any part of it is seen. Gives uint8
    [height, width, 3]; float32 [k, 4], in pixels of the input and within it; int64 [k], which boxes these are.
    """
    whole = np.array([0, 0, image.shape[1], image.shape[0]])
    ignored = np.zeros(len(boxes), bool) if ignored is None else ignored
    turn = Turn.drawn(image.shape[:2], rng, settings.rotation) if settings.rotation else None
    if turn:
        boxes = turn.boxes(boxes, ignored)
    window = expanded_window(image.shape[:2], rng, settings.max_expand)
    guides = boxes[~ignored & holds_centre(whole[None], boxes)[0]]
    # A picture without boxes is cropped as if it were one itself, so that grey alone is never left.
    window = cropped_window(window, guides if len(guides) else whole[None], rng, settings.min_scale)
    mirrored = bool(settings.flip and rng.random() < 0.5), bool(settings.vertical_flip and rng.random() < 0.5)
    colours = colour_matrix(rng, settings)

    # The part of the picture that is seen goes to whole pixels of the input, and the boxes follow it exactly.
    seen = np.concatenate([np.maximum(window[:2], 0), np.minimum(window[2:], whole[2:])])
    sides = window[2:] - window[:2]
    content = np.array(fitted_size((int(sides[1]), int(sides[0])), size, resizing)[::-1])
    place = np.floor((seen.reshape(2, 2) - window[:2]) * content / sides + 0.5).astype(np.int64)
    low = np.minimum(place[0], content - 1)
    high = np.maximum(place[1], low + 1)
    scale = (high - low) / (seen[2:] - seen[:2])

    corners = boxes.reshape(-1, 2, 2).astype(np.float64)
    corners = np.clip((corners - seen[:2]) * scale + low, low, high)
    width, height = (high - low).tolist()
    if turn:
        # Recoloured before it is turned, since the grey that is uncovered takes no colour.
        part = turn.picture(cv2.transform(image, colours) if settings.recolours else image, seen)
    else:
        part = image[seen[1] : seen[3], seen[0] : seen[2]]
    part = resize_image(part, (height, width))
    for axis, mirror in enumerate(mirrored):
        if mirror:
            part = cv2.flip(part, 1 - axis)
            low[axis], high[axis] = content[axis] - high[axis], content[axis] - low[axis]
            corners[:, :, axis] = content[axis] - corners[:, ::-1, axis]
    if settings.recolours and not turn:
        part = cv2.transform(part, colours)
    canvas = np.full((*height_width(size), 3), GREY, np.uint8)
    canvas[low[1] : high[1], low[0] : high[0]] = part

    stays = np.ones(len(boxes), bool)
    if turn or (window != whole).any():
        stays = (holds_centre(seen[None], boxes)[0] | ignored) & large_enough(corners.reshape(-1, 4))
    kept = np.flatnonzero(stays)
    return canvas, corners.reshape(-1, 4)[kept].astype(np.float32), kept
