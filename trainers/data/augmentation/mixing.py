"""Pictures with boxes made of several: mosaics (Bochkovskiy et al., YOLOv4, 2020), MixUp (Zhang et al., ICLR 2018)."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ...geometry import IGNORED, InputSize, height_width
from .boxes import holds_centre, large_enough
from .colours import Rng

Boxed = tuple[np.ndarray, ...]
"""A picture uint8 [H, W, 3], its boxes float32 [n, 4] and their classes int32 [n], -2 where they do not count."""

MEETS = (0.25, 0.75)
"""Within these shares of the input's side lies the point at which the four pictures of a mosaic meet."""

FAINT = 0.2
"""Of a picture with a smaller weight so little is seen that its boxes neither train nor count."""


def mosaic(examples: Sequence[Boxed], size: InputSize, view: Callable[[Boxed, int], Boxed], rng: Rng) -> Boxed:
    """Lay four examples round a random point of an input of this size, each cut to its quarter.

    `view` brings an example to a square of so many pixels: as many as the longer side of its quarter, of which a random
    part along the shorter side is seen. Boxes are cut at the quarter's edges, and stay as they do in a crop.
    """
    height, width = height_width(size)
    meeting = np.round([width, height] * rng.uniform(*MEETS, 2)).astype(np.int64)
    canvas, found = np.empty((height, width, 3), np.uint8), []
    for number, example in enumerate(examples):
        right_and_below = np.array([number % 2, number // 2])
        low, high = meeting * right_and_below, np.where(right_and_below, [width, height], meeting)
        sides = high - low
        image, boxes, classes = view(example, int(sides.max()))
        first = rng.integers(sides.max() - sides + 1)
        last = first + sides
        canvas[low[1] : high[1], low[0] : high[0]] = image[first[1] : last[1], first[0] : last[0]]
        window = np.concatenate([first, last])
        cut = np.clip(boxes.reshape(-1, 2, 2), first, last).reshape(-1, 4)
        stays = (holds_centre(window[None], boxes)[0] | (classes == IGNORED)) & large_enough(cut)
        found.append(((cut + np.tile(low - first, 2))[stays].astype(np.float32), classes[stays]))
    boxes, classes = (np.concatenate(parts) for parts in zip(*found))
    return canvas, boxes, classes


def mix_up(one: Boxed, other: Boxed, alpha: float, rng: Rng) -> Boxed:
    """Lay two pictures of one size over each other, one with a weight drawn from Beta(alpha, alpha).

    Zhang et al. mix the labels with the same weights; a ranking of scores has labels that are so or not. So the boxes
    of both are all whole, but for those of a picture whose weight is below `FAINT`, which neither train nor count.
    """
    weight = float(rng.beta(alpha, alpha))
    image = cv2.addWeighted(one[0], weight, other[0], 1 - weight, 0)
    classes = [
        part[2] if seen >= FAINT else np.full_like(part[2], IGNORED)
        for part, seen in ((one, weight), (other, 1 - weight))
    ]
    return image, np.concatenate([one[1], other[1]]), np.concatenate(classes)
