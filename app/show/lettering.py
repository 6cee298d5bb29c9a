"""Text in pictures, in OpenCV's built-in Unicode font, before OpenCV 5 in Pillow's: measured and written."""

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_HAS_FONT = int(cv2.__version__.partition(".")[0]) >= 5

Colour = tuple[int, int, int]  # RGB, in 0..255


def write_text(panel: np.ndarray, text: str, start: int, size: int, colour: Colour, weight: int = 400) -> None:
    """Write a line from column `start` on the middle of a panel uint8 [h, w, 3] RGB, `size` pixels high, in place."""
    # Half the height of a capital below the middle.
    baseline = panel.shape[0] // 2 + round(size * 0.36)
    if not _HAS_FONT:
        picture = Image.fromarray(panel)
        picture.paste(colour, (start - size, baseline - 2 * size), _letters(text, size, weight > 500))
        panel[:] = np.asarray(picture)
        return
    cv2.putText(panel, text, (start, baseline), colour, _font(), size, weight)


@lru_cache(maxsize=512)
def _letters(text: str, size: int, bold: bool) -> Image.Image:
    """Draw a line of Pillow's letters, grey, with a margin of `size` pixels: each time anew takes half a millisecond.

    They have one weight alone: a thin edge makes them bold.
    """
    drawn = Image.new("L", (text_width(text, size) + 3 * size, 4 * size))
    ImageDraw.Draw(drawn).text((size, 2 * size), text, 255, _pillows(size), anchor="ls", stroke_width=int(bold))
    return drawn


@lru_cache(maxsize=4096)
def text_width(text: str, size: int, weight: int = 400) -> int:
    """Measure a line in pixels."""
    if not _HAS_FONT:
        return round(_pillows(size).getlength(text))
    return cv2.getTextSize((0, 0), text, (0, 0), _font(), size, weight)[2]


@lru_cache(maxsize=1)
def _font() -> "cv2.FontFace":
    return cv2.FontFace("sans")


@lru_cache(maxsize=32)
def _pillows(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
