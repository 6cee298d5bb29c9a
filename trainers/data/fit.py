"""How pictures, boxes (x0, y0, x1, y1) and class maps become the input of a network, and come back."""

import cv2
import numpy as np

from ..errors import UsageError
from ..geometry import RESIZINGS, InputSize, Size, height_width, size_text
from .example import IGNORE
from .images import resize_image, resize_mask
from .large.reduction import reduced, reduction

GREY = 114
"""The value of padding, in all channels."""


def fitted_size(size: Size, inside: InputSize, resizing: str = "pad") -> Size:
    """Give the (height, width) that a picture has within the input; at least one of them is the input's own."""
    if resizing not in RESIZINGS:
        raise UsageError(f"resizing must be {' or '.join(RESIZINGS)}, got {resizing!r}")
    (height, width), (most_high, most_wide) = size, height_width(inside)
    if min(height, width, most_high, most_wide) < 1:
        raise UsageError(
            f"a picture and its input need at least 1 pixel a side, got {width}x{height} for {size_text(inside)}"
        )
    if resizing == "stretch":
        return most_high, most_wide
    # The side that meets the input's first decides.
    into, whole = (most_high, height) if height * most_wide > width * most_high else (most_wide, width)
    # Halves go up, so that Python's and NumPy's rounding cannot differ.
    return max(1, int(height * into / whole + 0.5)), max(1, int(width * into / whole + 0.5))


def fit_scale(size: Size, inside: InputSize, resizing: str = "pad") -> tuple[float, float]:
    """Give the factors (sx, sy) from pixels of a picture to those of the input; rounding may set them apart."""
    height, width = fitted_size(size, inside, resizing)
    return width / size[1], height / size[0]


def fit_image(image: np.ndarray, inside: InputSize, resizing: str = "pad", size: Size | None = None) -> np.ndarray:
    """Bring uint8 [H, W, 3] to a new one of the size of the input; `pad` puts it at the top left of grey (114).

    A large picture is made smaller first; of one that is so already, `size` is its own (height, width).
    """
    size = size or (image.shape[0], image.shape[1])
    height, width = fitted_size(size, inside, resizing)
    image = resize_image(reduced(image, reduction((image.shape[0], image.shape[1]))), (height, width))
    if (height, width) == height_width(inside):
        return image
    canvas = np.full((*height_width(inside), 3), GREY, np.uint8)
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


def unfit_boxes(boxes: np.ndarray, scale: tuple[float, float], size: Size) -> np.ndarray:
    """Bring boxes [n, 4] in pixels of the input back to a picture (height, width), cut at its edges."""
    height, width = size
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4) / [*scale, *scale]
    return np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)


def fit_labels(labels: np.ndarray, inside: InputSize, resizing: str = "pad") -> np.ndarray:
    """Bring a class map uint8 [H, W] to the input, as `fit_image` does its picture; padding is 255 (ignore)."""
    (height, width), (most_high, most_wide) = fitted_size(labels.shape, inside, resizing), height_width(inside)
    labels = resize_mask(labels, (height, width))
    return np.pad(labels, ((0, most_high - height), (0, most_wide - width)), constant_values=IGNORE)


def unfit_scores(scores: np.ndarray, shape: Size, resizing: str = "pad") -> np.ndarray:
    """Bring scores float32 [h, w, C] of an input back to a picture of `shape` (height, width), bilinearly."""
    height, width = fitted_size(shape, (scores.shape[0], scores.shape[1]), resizing)
    scores = np.ascontiguousarray(scores[:height, :width], np.float32)
    if (height, width) != tuple(shape):
        # OpenCV drops the last axis of a single channel.
        scores = cv2.resize(scores, shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*shape, -1)
    return scores
