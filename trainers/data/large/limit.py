"""How many pixels a picture may have: a small file may claim so many that no memory holds them."""

import io
import os
import re
import threading
from pathlib import Path
from typing import IO

from PIL import Image
from PIL.ImageFile import ImageFile

from ...errors import DataError, UsageError

MOST_MEGAPIXELS = "METRICFIT_MAX_MEGAPIXELS"
"""The environment variable that allows larger pictures where no flag does."""

Readable = str | Path | IO[bytes]
"""A path, or a file that is open already, such as one within an archive."""

_LIFTED = threading.Lock()


class NamedBytes(io.BytesIO):
    """Bytes that the image readers can open and name in their errors."""

    def __init__(self, data: bytes, name: str):
        super().__init__(data)
        self.name = name

    def __str__(self) -> str:
        return str(self.name)


def open_image(path: Readable, most: float | None) -> ImageFile:
    """Open a picture of at most so many megapixels, as Pillow does; DataError where it has more."""
    try:
        image = Image.open(path)
    except Image.DecompressionBombError as error:
        check_megapixels(path, int(re.findall(r"\d+", str(error))[0]), most)
        with _LIFTED:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(again(path))
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    check_megapixels(path, image.width * image.height, most)
    return image


def again(path: Readable) -> Readable:
    """Bring a file that is open already back to its beginning."""
    if not isinstance(path, (str, Path)):
        path.seek(0)
    return path


def check_megapixels(path: Readable, pixels: int, most: float | None) -> None:
    """Refuse a picture of more than `most` megapixels; None takes what the environment says, or Pillow's own limit."""
    size, limit = pixels / 1e6, _allowed() if most is None else most
    if size > limit:
        more = f"{-(-size // 100) * 100:.0f}"
        raise DataError(
            f"{path} is too large, {size:.0f} megapixels where {limit:.0f} are allowed: shrink it, cut it into tiles, "
            f"or allow more with --max-megapixels {more} (or {MOST_MEGAPIXELS}={more} in the environment)"
        )


def _allowed() -> float:
    text = os.environ.get(MOST_MEGAPIXELS, "0")
    try:
        # Pillow raises an error at twice its limit.
        return max(float(text), 2 * Image.MAX_IMAGE_PIXELS / 1e6 if Image.MAX_IMAGE_PIXELS else float("inf"))
    except ValueError:
        raise UsageError(f"{MOST_MEGAPIXELS} must be a number, such as 500; got {text!r}") from None
