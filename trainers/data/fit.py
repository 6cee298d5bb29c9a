"""How pictures, boxes (x0, y0, x1, y1) and class maps become the square input of a network, and come back."""

import cv2
import numpy as np

from ..errors import UsageError
from ..geometry import RESIZINGS
from .example import IGNORE
from .images import resize_image, resize_mask
from .large.reduction import Size, reduced, reduction

GREY = 114
"""The value of padding, in all channels."""


def fitted_size(size: tuple[int, int], side: int, resizing: str = "pad") -> tuple[int, int]:
    """Give the (height, width) that a picture has within the square input; at least one of them is `side`."""
    if resizing not in RESIZINGS:
        raise UsageError(f"resizing must be {' or '.join(RESIZINGS)}, got {resizing!r}")
    height, width = size
    if min(height, width, side) < 1:
        raise UsageError(f"a picture and its input need at least 1 pixel a side, got {width}x{height} for {side}")
    if resizing == "stretch":
        return side, side
    longest = max(height, width)
    # Halves go up, so that Python's and NumPy's rounding cannot differ.
    return max(1, int(height * side / longest + 0.5)), max(1, int(width * side / longest + 0.5))


def fit_scale(size: tuple[int, int], side: int, resizing: str = "pad") -> tuple[float, float]:
    """Give the factors (sx, sy) from pixels of a picture to those of the input; rounding may set them apart."""
    height, width = fitted_size(size, side, resizing)
    return width / size[1], height / size[0]


def fit_image(image: np.ndarray, side: int, resizing: str = "pad", size: Size | None = None) -> np.ndarray:
    """Bring uint8 [H, W, 3] to a new uint8 [side, side, 3]; `pad` puts it at the top left of grey (114).

    A large picture is made smaller first; of one that is so already, `size` is its own (height, width).
    """
    size = size or (image.shape[0], image.shape[1])
    height, width = fitted_size(size, side, resizing)
    image = resize_image(reduced(image, reduction((image.shape[0], image.shape[1]))), (height, width))
    if (height, width) == (side, side):
        return image
    canvas = np.full((side, side, 3), GREY, np.uint8)
    canvas[:height, :width] = image
    return canvas


def window_of(image: np.ndarray, size: Size, rows: slice, columns: slice) -> np.ndarray:
    """Cut a window, in pixels of a picture of `size`, out of its version uint8 [h, w, ...], which may be smaller."""
    if image.shape[:2] == size:
        return image[rows, columns]
    windows = []
    for part, side, own in zip((rows, columns), image.shape, size):
        low = min((2 * part.start * side + own) // (2 * own), side - 1)
        windows.append(slice(low, max(low + 1, (2 * part.stop * side + own) // (2 * own))))
    return image[windows[0], windows[1]]


def fit_boxes(boxes: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Bring boxes [n, 4] of a picture to float32 [n, 4] in the input; `scale` is from `fit_scale`."""
    return (np.asarray(boxes, np.float64).reshape(-1, 4) * [*scale, *scale]).astype(np.float32)


def unfit_boxes(boxes: np.ndarray, scale: tuple[float, float], size: tuple[int, int]) -> np.ndarray:
    """Bring boxes [n, 4] in pixels of the square input back to a picture (height, width), cut at its edges."""
    height, width = size
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4) / [*scale, *scale]
    return np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)


def fit_labels(labels: np.ndarray, size: int, resizing: str = "pad") -> np.ndarray:
    """Bring a class map uint8 [H, W] to the square input, as `fit_image` does its picture; padding is 255 (ignore)."""
    height, width = fitted_size(labels.shape, size, resizing)
    labels = resize_mask(labels, (height, width))
    return np.pad(labels, ((0, size - height), (0, size - width)), constant_values=IGNORE)


def unfit_scores(scores: np.ndarray, shape: tuple[int, int], resizing: str = "pad") -> np.ndarray:
    """Bring scores float32 [S, S, C] back to a picture of `shape` (height, width), bilinearly."""
    height, width = fitted_size(shape, len(scores), resizing)
    scores = np.ascontiguousarray(scores[:height, :width], np.float32)
    if (height, width) != tuple(shape):
        # OpenCV drops the last axis of a single channel.
        scores = cv2.resize(scores, shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*shape, -1)
    return scores
