"""How a picture, its boxes and its class map become the square input of a network, and how what is found comes back.

Training, evaluation, prediction and the demo all go through here. Boxes are (x0, y0, x1, y1) in pixels, x1 and y1
exclusive.
"""

import cv2
import numpy as np

from ..errors import UsageError
from ..geometry import RESIZINGS
from .example import IGNORE
from .images import resize_image, resize_mask

GREY = 114
"""The value of padding, in all channels."""


def fitted_size(size: tuple[int, int], side: int, resizing: str = "pad") -> tuple[int, int]:
    """Give the size that a picture has within the square input.

    Args:
        size: (height, width) of the picture, in pixels.
        side: Side of the input, in pixels.
        resizing: `pad` or `stretch`.

    Returns:
        (height, width), each in 1..side; at least one of them is `side`.

    Raises:
        UsageError: If there is no such resizing, or a number is below 1.
    """
    if resizing not in RESIZINGS:
        raise UsageError(f"resizing must be {' or '.join(RESIZINGS)}, got {resizing!r}")
    height, width = size
    if min(height, width, side) < 1:
        raise UsageError(f"a picture and its input need at least 1 pixel a side, got {width}x{height} for {side}")
    if resizing == "stretch":
        return side, side
    longest = max(height, width)
    # Halves go up, so that Python's and NumPy's rounding cannot differ.
    return tuple(max(1, int(length * side / longest + 0.5)) for length in (height, width))


def fit_scale(size: tuple[int, int], side: int, resizing: str = "pad") -> tuple[float, float]:
    """Give the factors from pixels of a picture to pixels of the input.

    Args:
        size: (height, width) of the picture, in pixels.
        side: Side of the input, in pixels.
        resizing: `pad` or `stretch`.

    Returns:
        (sx, sy), such that input = picture * scale. With `pad` they differ by what rounding to whole pixels does.

    Raises:
        UsageError: As `fitted_size`.
    """
    height, width = fitted_size(size, side, resizing)
    return width / size[1], height / size[0]


def fit_image(image: np.ndarray, side: int, resizing: str = "pad") -> np.ndarray:
    """Bring a picture to the square input.

    Args:
        image: uint8 [H, W, 3], RGB; not changed.
        side: Side of the input, in pixels.
        resizing: `pad` (the picture at the top left, grey 114 beside or below it) or `stretch`.

    Returns:
        uint8 [side, side, 3]; the same array when it has that size already.

    Raises:
        UsageError: As `fitted_size`.
    """
    height, width = fitted_size(image.shape[:2], side, resizing)
    image = resize_image(image, (height, width))
    if (height, width) == (side, side):
        return image
    canvas = np.full((side, side, 3), GREY, np.uint8)
    canvas[:height, :width] = image
    return canvas


def fit_boxes(boxes: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Bring boxes of a picture to the square input.

    Args:
        boxes: [n, 4], in pixels of the picture.
        scale: From `fit_scale`.

    Returns:
        float32 [n, 4], in pixels of the input.
    """
    return (np.asarray(boxes, np.float64).reshape(-1, 4) * [*scale, *scale]).astype(np.float32)


def unfit_boxes(boxes: np.ndarray, scale: tuple[float, float], size: tuple[int, int]) -> np.ndarray:
    """Bring boxes found in the square input back to the picture, and cut them at its edges.

    Args:
        boxes: [n, 4], in pixels of the input.
        scale: From `fit_scale`.
        size: (height, width) of the picture, in pixels.

    Returns:
        float32 [n, 4], in pixels of the picture; one that lies wholly within the padding has no area.
    """
    height, width = size
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4) / [*scale, *scale]
    return np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)


def fit_labels(labels: np.ndarray, size: int, resizing: str = "pad") -> np.ndarray:
    """Bring a class map to the square input, as `fit_image` does its picture.

    Args:
        labels: uint8 [H, W]; not changed.
        size: Side of the input, in pixels.
        resizing: `pad` (255, ignore, where there is no picture) or `stretch`.

    Returns:
        uint8 [size, size].

    Raises:
        UsageError: If there is no such resizing.
    """
    height, width = fitted_size(labels.shape, size, resizing)
    labels = resize_mask(labels, (height, width))
    return np.pad(labels, ((0, size - height), (0, size - width)), constant_values=IGNORE)


def unfit_scores(scores: np.ndarray, shape: tuple[int, int], resizing: str = "pad") -> np.ndarray:
    """Bring scores of classes in the square input back to the size of the picture, bilinearly.

    Args:
        scores: float32 [S, S, C].
        shape: (height, width) of the picture, in pixels.
        resizing: As the picture was brought to the input.

    Returns:
        float32 [height, width, C].

    Raises:
        UsageError: If there is no such resizing.
    """
    height, width = fitted_size(shape, len(scores), resizing)
    scores = np.ascontiguousarray(scores[:height, :width], np.float32)
    if (height, width) != tuple(shape):
        # OpenCV drops the last axis of a single channel.
        scores = cv2.resize(scores, shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*shape, -1)
    return scores
