"""Pictures small enough to be carried inside of a report."""

import base64

import cv2
import numpy as np

from ..data.images import resize_image

SIDE = 240  # the longest, in pixels


def fitting(picture: np.ndarray) -> tuple[int, int]:
    """Give the (height, width) of a picture when its longest side is `SIDE` at most."""
    height, width = picture.shape[:2]
    factor = min(1.0, SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def thumbnail(picture: np.ndarray) -> str:
    """Give a picture, uint8 [H, W, 3] or [H, W], as a small JPEG in a data URI."""
    small = resize_image(np.ascontiguousarray(picture), fitting(picture))
    return _as_uri(".jpg", small, "image/jpeg", [cv2.IMWRITE_JPEG_QUALITY, 88])


def framed(picture: np.ndarray, boxes: np.ndarray, classes: np.ndarray, colours: list) -> np.ndarray:
    """Frame boxes in the colour of their class, in lines that a thumbnail still shows."""
    drawn = np.ascontiguousarray(picture).copy()
    width = max(1, round(2 * max(picture.shape[:2]) / SIDE))
    for box, kind in zip(np.rint(boxes).astype(int).tolist(), classes):
        cv2.rectangle(drawn, box[:2], box[2:], colours[kind], width)
    return drawn


def flat(picture: np.ndarray) -> str:
    """Give a map of few values, uint8 [H, W, 3] or [H, W], as a small PNG in a data URI."""
    small = cv2.resize(picture, fitting(picture)[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return _as_uri(".png", small, "image/png", [])


def _as_uri(suffix: str, picture: np.ndarray, kind: str, settings: list) -> str:
    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    _, data = cv2.imencode(suffix, stored, settings)
    return f"data:{kind};base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
