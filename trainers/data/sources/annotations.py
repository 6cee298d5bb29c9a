"""What the readers of box annotations share: boxes are mended where that is safe, and every repair is said."""

import numpy as np

from ...errors import DataError
from ...text import folded

SLACK = 0.1
"""How far a box may lie over the edge, in pixels, before that is a repair: some files round to a hundredth."""

INVERTED = "inverted box, corners swapped"
NO_EXTENT = "box without extent, left out"
OUTSIDE = "box outside its picture, left out"
OVER_EDGE = "box over the edge, cut there"
CASE = "picture named in other upper or lower case, found"
NO_SIZE = "annotation without the picture's size, the picture's own taken"
WRONG_SIZE = "annotation with a wrong picture size, shown so by its boxes, the picture's own taken"
WRONG_SIZE_BOXLESS = "annotation without boxes and with a wrong picture size, the picture's own taken"


def mend_boxes(
    boxes: np.ndarray, size: tuple[int, int], *, first_pixel: int = 0
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Bring boxes float64 [n, 4] as they are written, finite, to pixels of their picture (height, width).

    Swaps inverted corners, cuts at the edges and leaves out boxes without area. A `first_pixel` of 1 means that pixels
    count from 1 and x1, y1 belong to the box. Gives float32 [k, 4], pixels from 0, x1 and y1 exclusive; int64 [k],
    which boxes these are; a text for each repair.
    """
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    has_extent = (low < high).all(axis=1)
    inverted = (boxes[:, :2] > boxes[:, 2:]).any(axis=1) & has_extent
    low, corner = low - first_pixel, np.array(size[::-1], np.float64)
    over = ((low < -SLACK) | (high > corner + SLACK)).any(axis=1) & has_extent
    low, high = np.clip(low, 0, corner), np.clip(high, 0, corner)
    within = (low < high).all(axis=1)
    mended = {INVERTED: inverted & within, NO_EXTENT: ~has_extent}
    mended |= {OUTSIDE: has_extent & ~within, OVER_EDGE: over & within}
    repairs = tuple(kind for kind, where in mended.items() for _ in range(int(where.sum())))
    kept = np.flatnonzero(has_extent & within)
    return np.concatenate([low, high], axis=1)[kept].astype(np.float32), kept, repairs


def check_stated_size(
    stated: tuple[int, int] | None, size: tuple[int, int], boxes: np.ndarray, annotation: object, image: object
) -> tuple[str, ...]:
    """Compare the (height, width) that an annotation states, if any, with the upright picture's; give the repair.

    Another size is refused, unless there are no boxes (float64 [n, 4], as written), or some box fits the picture and
    not the stated size, which shows that only the statement is wrong. Boxes in shares of the picture are refused.
    """
    if len(boxes) and min(size) > 2 and (boxes >= 0).all() and (boxes <= 1.5).all() and (boxes[:, 2:] % 1 != 0).any():
        raise DataError(
            f"all boxes of {annotation} lie within 0 to 1, as shares of the picture do and pixels do not: multiply x "
            f"and width by {size[1]}, y and height by {size[0]}"
        )
    if stated is not None and min(stated) < 0:
        raise DataError(
            f"{annotation} states a picture of {stated[1]}x{stated[0]}, which no picture has: correct it, or leave it "
            "away"
        )
    if stated is None or min(stated) < 1:
        return (NO_SIZE,)
    if stated == size:
        return ()
    if not len(boxes):
        return (WRONG_SIZE_BOXLESS,)
    reach = boxes.reshape(-1, 2).max(axis=0, initial=0)[::-1]
    if (reach <= np.array(size) + 1).all() and (reach > np.array(stated) + 1).any():
        return (WRONG_SIZE,)
    turned = " (the two are turned: is the picture's EXIF rotation the reason?)" if stated == size[::-1] else ""
    raise DataError(
        f"{annotation} is for a picture of {stated[1]}x{stated[0]}, {image} is {size[1]}x{size[0]}{turned}: "
        "bring the picture to the size that was annotated, or annotate it again"
    )


def alike(class_names: tuple[str, ...]) -> list[str]:
    """Say, as a note each, which class names differ in the case of letters only."""
    groups: dict[str, list[str]] = {}
    for name in class_names:
        groups.setdefault(folded(name), []).append(name)
    return [
        f"{' and '.join(names)} are different classes: is that meant?" for names in groups.values() if len(names) > 1
    ]
