"""How a picture is stored: its own file, where TensorFlow decodes that to the same pixels, else as PNG."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..decoding import BROKEN
from ..images import turned
from .records import png

KEPT = "kept as the file that it was"
AS_PNG = "written as PNG, without loss: of another kind, with transparency, of 16 bits, or in no file of its own"
AS_PIXELS = "written as their pixels, larger ones reduced"

_ORIENTATION = 0x0112


class Stored(NamedTuple):
    """A picture as a file, how EXIF turns it, and in words how it was stored."""

    encoded: bytes
    orientation: int
    how: str


def stored(image: np.ndarray, file: Path | None) -> Stored:
    """Store a picture uint8 [h, w, 3] that was read from a file, or from none of its own."""
    if file is not None and (own := _own(image, file)):
        return own
    return Stored(png(image, level=1), 1, AS_PNG)


def _own(image: np.ndarray, file: Path) -> Stored | None:
    """Keep a file whose pixels TensorFlow gives as the program's own reader does; None for any other."""
    import tensorflow as tf

    from .decoding import decode_file

    try:
        with Image.open(file) as opened:
            if opened.format not in ("JPEG", "MPO", "PNG") or opened.width * opened.height != image[..., 0].size:
                return None
            orientation = opened.getexif().get(_ORIENTATION, 1)
        encoded = file.read_bytes()
        decoded = decode_file()(encoded).numpy()
    except (*BROKEN, Image.DecompressionBombError, tf.errors.OpError):
        return None
    orientation = orientation if orientation in range(1, 9) else 1
    for one in dict.fromkeys((orientation, 1)):
        upright = turned(decoded, one)
        if np.array_equal(upright, image):
            return Stored(encoded, one, KEPT)
    return None
