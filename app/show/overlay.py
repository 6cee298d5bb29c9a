"""Views of an image uint8 [H, W, 3] RGB and its saliency float32 [H, W] in [0, 1]: new arrays of the same size."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

TINT, TINT_STRENGTH = (20, 215, 190), 0.34
BACKGROUND_LIGHT = 0.62
CONTOUR = (255, 255, 255)
FRAME = (255, 176, 32)  # around objects
BOARD = (236, 204)  # the two greys of the checkerboard


def foreground(saliency: np.ndarray, threshold: float) -> np.ndarray:
    """Give the mask: uint8 [H, W], 255 where `saliency >= threshold`, else 0."""
    # Compared in float32, as the metrics do: 0.7 in double precision lies above the float32 0.7.
    return (saliency >= np.float32(threshold)).view(np.uint8) * np.uint8(255)


def overlay(image: np.ndarray, saliency: np.ndarray, threshold: float) -> np.ndarray:
    """Tint the foreground, draw its contour crisply, and darken the background a little."""
    mask = foreground(saliency, threshold)
    picture = cv2.convertScaleAbs(image, alpha=BACKGROUND_LIGHT)
    cv2.copyTo(cv2.LUT(image, _tint_table()), mask, picture)
    if not mask.any() or mask.all():
        return picture
    soft = _soft(mask, _line_width(image))
    # A dark halo below a white line is seen on bright and on dark pictures.
    return _contour(_fade(picture, cv2.LUT(soft, _contour_tables()[1])), soft)


def cut_out(image: np.ndarray, saliency: np.ndarray, threshold: float) -> np.ndarray:
    """Cut the foreground out: uint8 [H, W, 4] RGBA, transparent outside, its edge smooth over a pixel or two.

    `image` may be RGBA itself: the cut-out is nowhere less transparent than that.
    """
    return np.dstack([image[..., :3], _opacity(image, saliency, threshold)])


def on_checkerboard(image: np.ndarray, saliency: np.ndarray, threshold: float) -> np.ndarray:
    """Show the cut-out over a checkerboard, as image editors show transparency."""
    front = np.ascontiguousarray(image[..., :3])
    return _blend(front, _board(*image.shape[:2]), _opacity(image, saliency, threshold))


def _opacity(image: np.ndarray, saliency: np.ndarray, threshold: float) -> np.ndarray:
    alpha = _soft(foreground(saliency, threshold), 1)
    return cv2.min(alpha, np.ascontiguousarray(image[..., 3])) if image.shape[-1] == 4 else alpha


def blurred_background(image: np.ndarray, saliency: np.ndarray, threshold: float) -> np.ndarray:
    """Keep the foreground sharp and blur the rest, without the foreground's colours bleeding into it."""
    height, width = image.shape[:2]
    alpha = _soft(foreground(saliency, threshold), 1)
    scale = max(1, min(height, width) // 120)
    small = (max(1, width // scale), max(1, height // scale))
    weight = 1.0 - cv2.resize(alpha, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    colours = cv2.resize(image, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    # Of a strip its width counts: the time for a blur as wide as it is long would be that of its length, squared.
    sigma = max(1.0, 0.022 * min(max(small), 4 * min(small)))
    # Normalised convolution: only background pixels count; the epsilon fills the inside of large objects.
    total = cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-4
    blurred = cv2.GaussianBlur(colours * (weight[..., None] + 1e-4), (0, 0), sigma) / total[..., None]
    background = cv2.resize(np.clip(blurred, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    return _blend(image, background, alpha)


def raw_map(image: np.ndarray, saliency: np.ndarray, threshold: float) -> np.ndarray:
    """Show the saliency itself in colour, with the threshold's contour and a scale at the right edge."""
    height, width = image.shape[:2]
    picture = cv2.applyColorMap(cv2.convertScaleAbs(saliency, alpha=255.0), _map_colours())
    mask = foreground(saliency, threshold)
    if mask.any() and not mask.all():
        picture = _contour(picture, _soft(mask, max(1, _line_width(image) - 1)))
    # The scale stays clear of the lines of text above and below.
    bar, margin, top = max(4, min(height, width) // 40), max(3, min(height, width) // 48), height // 11
    if width < 4 * bar or height < 48:
        return picture
    length = height - 2 * top
    left, right = width - margin - bar, width - margin
    picture[top : top + length, left:right] = cv2.resize(_map_colours()[::-1], (bar, length))
    cv2.rectangle(picture, (left - 1, top - 1), (right, top + length), CONTOUR, 1)
    row = top + round((1.0 - threshold) * (length - 1))
    cv2.line(picture, (left - bar // 2, row), (right, row), CONTOUR, _line_width(image))
    return picture


View = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
# By name, in the order in which the demo goes through them; and what they are called on the screen.
VIEWS: dict[str, View] = {"overlay": overlay, "cutout": on_checkerboard, "blur": blurred_background, "map": raw_map}
TITLES = {"overlay": "overlay", "cutout": "cut-out", "blur": "blurred background", "map": "raw map"}


def _line_width(image: np.ndarray) -> int:
    """Choose the contour's width in pixels: 2 at 640x480, more on large pictures."""
    return max(1, round(min(image.shape[:2]) / 240))


def _soft(mask: np.ndarray, width: int) -> np.ndarray:
    """Soften the edge of a 0/255 mask over about `width` pixels on each side."""
    size = 2 * width + 1
    return cv2.GaussianBlur(mask, (size, size), 0)


def _fade(picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Multiply uint8 [H, W, 3] by a weight uint8 [H, W] that means 0 to 1."""
    return cv2.multiply(picture, cv2.merge([weight] * 3), scale=1 / 255)


def _contour(picture: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """Draw the line of a softened mask."""
    weight = cv2.LUT(soft, _contour_tables()[0])
    return cv2.add(_fade(picture, 255 - weight), cv2.merge([weight] * 3))


def _blend(front: np.ndarray, back: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay `front` over `back` with alpha uint8 [H, W]."""
    picture = back.copy()
    cv2.copyTo(front, (alpha == 255).view(np.uint8), picture)
    # Only the thin edge needs arithmetic.
    edge = (alpha > 0) & (alpha < 255)
    weight = alpha[edge, None].astype(np.float32) / 255.0
    picture[edge] = np.rint(front[edge] * weight + back[edge] * (1.0 - weight)).astype(np.uint8)
    return picture


@lru_cache(maxsize=1)
def _tint_table() -> np.ndarray:
    """uint8 [1, 256, 3]: what each channel value becomes under the tint."""
    values = np.arange(256)[:, None] * (1.0 - TINT_STRENGTH) + np.array(TINT) * TINT_STRENGTH
    return np.rint(values).astype(np.uint8)[None]


@lru_cache(maxsize=1)
def _contour_tables() -> tuple[np.ndarray, np.ndarray]:
    """Two uint8 [256] tables over the softened mask: the line's weight, and the light left by its halo."""
    # A softened edge crosses 127 on the contour itself, so a peak there is a smooth line of even width.
    distance = np.abs(np.arange(256) - 127.5) / 127.5
    line = np.clip((0.85 - distance) / 0.35, 0.0, 1.0)
    halo = 1.0 - 0.55 * np.clip((1.0 - distance) / 0.05, 0.0, 1.0)
    return np.rint(255 * line).astype(np.uint8), np.rint(255 * halo).astype(np.uint8)


@lru_cache(maxsize=1)
def _map_colours() -> np.ndarray:
    """uint8 [256, 1, 3]: the RGB colour of each saliency value."""
    colours = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)
    return cv2.cvtColor(colours, cv2.COLOR_BGR2RGB)


@lru_cache(maxsize=4)
def _board(height: int, width: int) -> np.ndarray:
    """uint8 [height, width, 3]: a checkerboard of two light greys, which cannot be written to."""
    square = max(4, min(height, width) // 30)
    rows, columns = np.arange(height) // square, np.arange(width) // square
    grey = np.where((rows[:, None] + columns) % 2, BOARD[1], BOARD[0]).astype(np.uint8)
    return np.broadcast_to(grey[..., None], (height, width, 3))
