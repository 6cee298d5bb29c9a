"""Boxes found in several views of a picture: scales, mirrored, and tiles, brought together and thinned out once more.

The model has thinned out what it found in each view, so there only boxes of other views suppress a box. One that ends
at an inner edge of its tile is the piece of an object: it is left out where more than half of it lies in a box of its
class (of any, where classes do not matter) that ends at none, and that is at least half as sure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..data.fit import fit_image, fit_scale, unfit_boxes, window_of
from ..geometry import InputSize, Size, box_areas, box_iou
from ..models.detector.suppression import CANDIDATES, USUAL, Suppression
from .tiles import Window
from .views import Views, filled_up

COVERED, AS_SURE = 0.5, 0.5
_AT_A_TIME = 8  # views a call, where a picture alone is not to fill the memory

Boxes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes float32 [n, 4] in pixels of the picture, scores float32 [n], falling, and classes int32 [n]."""


@dataclass(frozen=True)
class Shown:
    """One view of a picture: a part of it, at a size of the network's input that the picture fills up to `inner`."""

    window: Window
    inner: Size
    size: Size
    mirrored: bool


def merged_boxes(
    predict: Callable[[np.ndarray], Any],
    pictures: Sequence[np.ndarray],
    size: InputSize,
    resizing: str,
    views: Views,
    suppression: Suppression = USUAL,
    *,
    sizes: Sequence[Size] = (),
) -> list[Boxes]:
    """Find boxes in all views of each picture and bring them together; arguments as of `averaged_scores`.

    `predict` gives boxes [B, K, 4] in pixels of the input, scores [B, K], classes [B, K] and count [B].
    """
    sizes = sizes or [(picture.shape[0], picture.shape[1]) for picture in pictures]
    shown = [(index, one) for index, own in enumerate(sizes) for one in views_of(own, size, views)]
    found: list[list[tuple[Shown, Boxes]]] = [[] for _ in pictures]
    for each in dict.fromkeys(one.size for _, one in shown):  # a network of one size after the other
        left = iter([pair for pair in shown if pair[1].size == each])
        while batch := list(islice(left, max(_AT_A_TIME, len(pictures)))):
            inputs = [_input(pictures[index], sizes[index], one, resizing) for index, one in batch]
            for (index, one), answer in zip(batch, zip(*predict(np.stack(inputs)))):
                found[index].append((one, _in_picture(answer, one, resizing)))
    most = CANDIDATES if views.tiling and suppression.max_detections is None else None
    return [merged(each, own, suppression, most=most) for each, own in zip(found, sizes)]


def views_of(own: Size, size: InputSize, views: Views) -> Iterator[Shown]:
    """Give the views of a picture (height, width): itself and its tiles, at each scale, as they are and mirrored."""
    windows = [Window(0, own[0], 0, own[1])]
    windows += views.tiling.windows(own, size) if views.tiling else []
    for window in windows:
        for inner, whole in views.sizes(size):
            for mirrored in (False, True) if views.flips else (False,):
                yield Shown(window, inner, whole, mirrored)


def merged(
    found: Sequence[tuple[Shown, Boxes]], own: Size, suppression: Suppression, *, most: int | None = None
) -> Boxes:
    """Bring together what was found in the views of a picture (height, width), at most `most` boxes."""
    boxes, scores, classes = (np.concatenate([part[place] for _, part in found]) for place in range(3))
    views = np.repeat(np.arange(len(found)), [len(part[1]) for _, part in found])
    cut = np.concatenate([one.window.cuts(part[0], own) for one, part in found])
    kept, scores = thinned_out(boxes, scores, classes, views, cut, suppression, most)
    return boxes[kept], scores, classes[kept]


def thinned_out(
    boxes: np.ndarray,
    scores: np.ndarray,
    classes: np.ndarray,
    views: np.ndarray,
    cut: np.ndarray,
    suppression: Suppression,
    most: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose among boxes of several views, surest first: their places int64 [k], and scores float32 [k], falling.

    Those that are `cut`, bool [n], may be pieces. That is asked of a box when its turn comes, which is never for most.
    """
    left, kept, after = scores.astype(np.float64), list[int](), list[float]()
    whole = np.flatnonzero(~cut)
    while len(kept) < (most or suppression.most) and left.size:
        best = int(left.argmax())
        if left[best] <= 0:
            break
        if cut[best] and _is_covered(best, boxes, scores, classes, whole, suppression.per_class):
            left[best] = -1.0
            continue
        kept.append(best)
        after.append(left[best])
        others = (views != views[best]) & (left > 0)
        if suppression.per_class:
            others &= classes == classes[best]
        places = np.flatnonzero(others)
        left[places] *= suppression.left(box_iou(boxes[best, None], boxes[places])[0])
        left[best] = -1.0
    return np.array(kept, np.int64), np.array(after, np.float32)


def _is_covered(
    piece: int, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, whole: np.ndarray, per_class: bool
) -> bool:
    """Tell whether one of the boxes that are whole has the place that a piece has."""
    among = whole[scores[whole] >= AS_SURE * scores[piece]]
    if per_class:
        among = among[classes[among] == classes[piece]]
    # As a crowd holds a box: the part of it that lies in the other.
    shares = box_iou(boxes[piece, None], boxes[among], np.ones(len(among), bool))[0]
    return bool((shares > COVERED).any())


def _input(picture: np.ndarray, own: Size, shown: Shown, resizing: str) -> np.ndarray:
    """Bring a view to the network's input, uint8 [h, w, 3]."""
    window = shown.window
    part = window_of(picture, own, slice(window.top, window.bottom), slice(window.left, window.right))
    part = np.ascontiguousarray(part[:, ::-1] if shown.mirrored else part)
    return filled_up(fit_image(part, shown.inner, resizing, window.size), shown.size)


def _in_picture(answer: Sequence[np.ndarray], shown: Shown, resizing: str) -> Boxes:
    """Bring what was found in a view into the picture's pixels, without what lies in the padding alone."""
    boxes, scores, classes, count = answer
    window = shown.window
    boxes = unfit_boxes(boxes[: int(count)], fit_scale(window.size, shown.inner, resizing), window.size)
    inside = box_areas(boxes) > 0
    if shown.mirrored:
        boxes[:, [0, 2]] = window.size[1] - boxes[:, [2, 0]]
    boxes += np.array([window.left, window.top] * 2, np.float32)
    return boxes[inside], np.asarray(scores)[: int(count)][inside], np.asarray(classes)[: int(count)][inside]
