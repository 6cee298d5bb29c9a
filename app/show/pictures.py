"""Picture files: naming what is made, fitting, encoding, writing."""

import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ...trainers.errors import DataError
from ...trainers.files import written_beside
from .lettering import Colour

LONGEST = 65500
"""The longest side of a JPEG file, in pixels."""


def free_path(folder: Path, stem: str, suffix: str) -> Path:
    """Name the first of FOLDER/STEM-0001SUFFIX, -0002, ... that does not exist yet."""
    paths = (folder / f"{stem}-{number:04d}{suffix}" for number in itertools.count(1))
    return next(path for path in paths if not path.exists())


def letterbox(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Fit a picture, uint8 [H, W, 3], into a size (height, width), its aspect kept, black bars around it."""
    height, width = picture.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    inside = (max(1, round(height * scale)), max(1, round(width * scale)))
    resized = cv2.resize(picture, inside[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    rows, columns = size[0] - inside[0], size[1] - inside[1]
    bars = rows // 2, rows - rows // 2, columns // 2, columns - columns // 2
    return cv2.copyMakeBorder(resized, *bars, cv2.BORDER_CONSTANT)


def encode_picture(picture: np.ndarray, suffix: str) -> bytes:
    """Encode uint8 [H, W] grey, [H, W, 3] RGB or [H, W, 4] RGBA as .png or .jpg; DataError where that fails."""
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if picture.shape[-1] == 3 else cv2.COLOR_RGBA2BGRA)
    # Thin coloured lines would lose their colour to JPEG's usual half resolution of it.
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    setting = [cv2.IMWRITE_PNG_COMPRESSION, 3] if suffix == ".png" else jpeg
    height, width = picture.shape[:2]
    # OpenCV would say so on stderr, besides.
    fits = suffix == ".png" or max(height, width) <= LONGEST
    done, encoded = cv2.imencode(suffix, picture, setting) if fits else (False, None)
    if encoded is None or not done:
        raise DataError(f"a picture of {width}x{height} cannot be encoded as {suffix}: take .png, or a smaller one")
    return encoded.tobytes()


def encode_indices(indices: np.ndarray, colours: Sequence[Colour]) -> bytes:
    """Encode a class map, uint8 [H, W], as PNG with a palette, grey where an index has no colour."""
    palette = np.full((256, 3), 120, np.uint8)
    palette[: len(colours)] = colours
    picture, file = Image.fromarray(indices), io.BytesIO()
    picture.putpalette(palette.tobytes())
    picture.save(file, format="PNG")
    return file.getvalue()


def write_picture(path: Path, picture: np.ndarray) -> Path:
    """Write what `encode_picture` takes as .png or .jpg, whole or not at all; gives the path."""
    return write_encoded(path, encode_picture(picture, path.suffix.lower()))


def write_encoded(path: Path, encoded: bytes) -> Path:
    """Write an encoded picture, whole or not at all; gives the path."""
    with written_beside(path) as beside:
        beside.write_bytes(encoded)
    return path
