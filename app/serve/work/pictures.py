"""An upload becomes a picture: its kind and size are seen before anything is decoded."""

import io
import re
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from ....trainers.data.decoding import BROKEN
from ....trainers.data.images import over_white, read_image
from ....trainers.errors import DataError
from ...show.pictures import LONGEST
from ..requests.refusal import RefusedError

# Where kinds are named, Pillow does not load what reads them by itself; some builds of it lack some.
Image.init()
_WANTED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000")
FORMATS = tuple(kind for kind in _WANTED if kind in Image.OPEN)
"""The kinds of files that are opened, besides HEIC; others, such as EPS, would run programs or write files."""

_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


class Picture(NamedTuple):
    """A decoded picture, uint8 [H, W, 3], with its transparency [H, W, 4] where it has some, and what was mended."""

    image: np.ndarray
    rgba: np.ndarray | None
    repaired: list[str]


class _File(io.BytesIO):
    """An upload, as errors name it."""

    def __str__(self) -> str:
        return "the picture"


def pixels_of(file: bytes, most: int) -> int:
    """Give how many pixels a file holds, from its header.

    Raises:
        RefusedError: 413 for more than `most`, 422 for what is no picture that is taken here.
    """
    if file[4:8] == b"ftyp" and file[8:12] in _HEIC:
        return _pixels_of_heic(file, most)
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as image:
            width, height = image.size
    except UnidentifiedImageError as error:
        raise RefusedError(422, f"this is no picture that the server reads{_what(file)}") from error
    except Image.DecompressionBombError as error:
        # Pillow's own limit, of 179 megapixels; where more are allowed it says how many there are.
        pixels = int(re.findall(r"\d+", str(error))[0])
        if pixels > most:
            raise _too_many(f"{pixels / 1e6:.0f} megapixels", most) from error
        return pixels
    except BROKEN as error:
        raise RefusedError(422, "the picture cannot be read, its header is damaged: send a whole file") from error
    return _checked(width, height, most)


def decode(file: bytes, most: int) -> Picture:
    """Decode a file with which `pixels_of` was content, for the same `most`; RefusedError 422 where that fails."""
    repaired: list[str] = []
    try:
        image = read_image(_File(file), transparency=True, repairs=repaired, max_megapixels=most / 1e6)
    except DataError as error:
        raise RefusedError(422, str(error)) from error
    if image.shape[-1] == 4:
        return Picture(over_white(image), image, repaired)
    return Picture(image, None, repaired)


def _pixels_of_heic(file: bytes, most: int) -> int:
    try:
        from pillow_heif import open_heif
    except ImportError as error:
        raise RefusedError(
            422, "the picture is a HEIC photo, which this server does not read: send it as JPEG or PNG"
        ) from error
    try:
        width, height = open_heif(io.BytesIO(file)).size
    except (*BROKEN, RuntimeError) as error:
        raise RefusedError(422, "the picture cannot be read, it is a damaged HEIC photo: send a whole file") from error
    return _checked(width, height, most)


def _checked(width: int, height: int, most: int) -> int:
    if max(width, height) > LONGEST:
        raise RefusedError(
            413, f"the picture has {width}x{height} pixels, a side of {LONGEST} is allowed: cut it into several"
        )
    if width * height > most:
        raise _too_many(f"{width}x{height} pixels", most)
    return max(1, width * height)


def _too_many(found: str, most: int) -> RefusedError:
    return RefusedError(413, f"the picture has {found}, {most / 1e6:g} megapixels are allowed: send a smaller one")


def _what(file: bytes) -> str:
    head = file[:64].lstrip().lower()
    known = ((b"<svg", "a drawing, SVG"), (b"<", "a web page"), (b"%pdf", "a PDF"), (b"%!ps", "a drawing, EPS"))
    named = (f", but {text}" for start, text in known if head.startswith(start))
    others = [name for kind, name in (("AVIF", "AVIF"), ("JPEG2000", "JPEG 2000")) if kind in FORMATS]
    return f"{next(named, '')}: send {', '.join(('JPEG, PNG, WebP, GIF, BMP', *others))} or TIFF"
