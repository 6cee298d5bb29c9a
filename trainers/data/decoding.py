"""Picture files are opened here: what loses nothing is mended and said, and what cannot be read says why."""

import contextlib
import io
import math
import struct
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from ..errors import DataError
from ..geometry import Size
from .large.limit import NamedBytes as NamedBytes
from .large.limit import Readable as Readable
from .large.limit import again, open_image
from .large.png_bands import png_orientation
from .large.reduction import band_rows, reduction
from .large.turns import TURNS

# What Pillow raises on broken files: OSError (unreadable, truncated), SyntaxError (PNG), RuntimeError (AVIF), others
# from broken headers, TIFF's above all.
BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error, RuntimeError, TypeError, ArithmeticError,
)  # fmt: skip
CUT_OFF = "JPEG without its last bytes, of which every row is there"
FRAMES = "file of several pictures, the first one taken"
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
RAW_SUFFIXES = (".cr2", ".cr3", ".nef", ".nrw", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".srw")

SIDEWAYS = (5, 6, 7, 8)
"""The values of EXIF's orientation that change height and width."""

_ORIENTATION = 0x0112
# Up to the limit itself a picture is simply read.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)


def has_heif() -> bool:
    """Whether the extra is installed that reads HEIC and HEIF."""
    return find_spec("pillow_heif") is not None


class Decoded(NamedTuple):
    """What is in a file: the picture, what was mended, and its (height, width), also where it was decoded smaller."""

    image: Image.Image
    repairs: tuple[str, ...]
    size: Size


def decode(path: Readable, upright: bool = True, *, most: float | None = None, smaller: bool = False) -> Decoded:
    """Decode a file completely, and turn it upright or leave it as stored.

    Args:
        most: megapixels it may have, see `check_megapixels`.
        smaller: let the format itself give a large picture smaller, where it can, at most by its `reduction`.
    """
    if str(path).lower().endswith(RAW_SUFFIXES):
        # Pillow would open many of them, and give the thumbnail.
        raise DataError(f"{path} is a raw photo of a camera: develop it, and save it as JPEG or PNG")
    try:
        file, repairs = _first_frame(path, _opened(path, most), most)
        TURNS.take(file.width * file.height)
        image: Image.Image = file
        size = file.height, file.width
        factor = reduction(size) if smaller else 1
        deep = file.mode in ("RGB", "RGBA") and _may_be_deep(file)
        turn = file.getexif().get(_ORIENTATION) if deep or factor > 1 else None
        _draft(file, factor)
        try:
            file.load()
        except OSError as error:
            if file.format not in ("JPEG", "MPO") or "truncated" not in str(error):
                raise
            image, repairs = _completed_jpeg(path, factor), (*repairs, CUT_OFF)
        if deep and (found := _few_bits_of_colours(path)):
            image, bits = found
            image.getexif()[_ORIENTATION] = turn or 1
            repairs = (*repairs, few_bits(bits))
        if upright:
            ImageOps.exif_transpose(image, in_place=True)
            size = size[::-1] if turn in SIDEWAYS else size
    except FileNotFoundError as error:
        raise DataError(f"no image at {path}: check the path") from error
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({_reason(path, error)}): replace it") from error
    return Decoded(image, repairs, size if factor > 1 else (image.height, image.width))


def is_turned(path: Readable, seen: bool = True) -> bool:
    """Tell whether a file's EXIF turns or mirrors it; not `seen`, whether it does so without changing its size."""
    with contextlib.suppress(*BROKEN, DataError), _opened(path, math.inf) as file:
        # Pillow decodes a PNG to look behind its pixels.
        large = reduction((file.height, file.width)) > 1 and file.format == "PNG"
        turn = png_orientation(path) if large else file.getexif().get(_ORIENTATION)
        return turn in (2, 3, 4) or (turn in SIDEWAYS and (seen or file.width == file.height))
    return False


def is_lossy(image: Image.Image, path: Readable) -> bool:
    """Tell whether the format of an opened file changes what was saved; WebP and JPEG 2000 need not."""
    if image.format == "WEBP":
        return b"VP8L" not in _bytes(path)
    if image.format == "JPEG2000":
        # The last byte of the style of coding is 1 for the wavelet that can be undone.
        data = _bytes(path)
        return data[data.find(b"\xff\x52") + 13] != 1
    return image.format in ("JPEG", "MPO", "AVIF", "HEIF")


def _opened(path: Readable, most: float | None = None) -> ImageFile:
    try:
        return open_image(path, most)
    except Image.UnidentifiedImageError:
        # iPhones' photos are often called .jpg, too.
        if not _is_heif(path):
            raise
    if not has_heif():
        raise DataError(
            f"{path} is a HEIC photo: install what reads them (pip install 'metricfit[heic]'), or save it as JPEG"
        )
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return open_image(again(path), most)


def _draft(file: ImageFile, factor: int) -> None:
    """Ask a JPEG, which can be decoded to an eighth of its sides at least, for a smaller version."""
    if factor > 1 and file.format in ("JPEG", "MPO"):
        file.draft(None, (file.width // factor, file.height // factor))


def _may_be_deep(file: ImageFile) -> bool:
    """Tell whether colours may have 16 bits: TIFF and PNG name their order of bytes, PPM its largest value."""
    stored = str(file.tile[:1])
    return ";16" in stored or "65535" in stored or file.format == "JPEG2000"


def _bytes(path: Readable) -> bytes:
    return Path(path).read_bytes() if isinstance(path, (str, Path)) else again(path).read()  # type: ignore[union-attr]


def _first_frame(path: Readable, image: ImageFile, most: float | None) -> tuple[ImageFile, tuple[str, ...]]:
    """Tell whether a file holds several pictures; the second ones in photos (MPO) are previews."""
    try:
        # To count the frames would be to go through all of them.
        several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except BROKEN:
        # Only the first one need be sound.
        return _opened(again(path), most), ()
    return image, (FRAMES,) * several


def _completed_jpeg(path: Readable, factor: int) -> Image.Image:
    """Give a JPEG that lacks its end; refuse one that lacks pixels: they change with what is put there."""
    data = _bytes(path).rstrip(b"\xff")
    image, other = (open_image(io.BytesIO(data + end + b"\xff\xd9"), math.inf) for end in (b"", b"\x55\x33\x71" * 64))
    for one in (image, other):
        _draft(one, factor)
        one.load()
    rows = (np.asarray(image).reshape(image.height, -1) != np.asarray(other).reshape(image.height, -1)).any(axis=1)
    if rows.any():
        raise OSError(f"it ends early, {rows.sum()} of {len(rows)} rows are not whole")
    return image


def few_bits(bits: int) -> str:
    """Say that a picture of 16 bits was one of fewer."""
    return f"{bits} bits stored in 16, brought to the full range"


def to_eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Bring integers [H, W, ...] of so many bits to uint8, rounded; larger ones become 255."""
    full, step = (1 << bits) - 1, band_rows((len(values), max(1, values[:1].size)))
    found = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), step):
        band = np.minimum(values[top : top + step].astype(np.int64), full)
        found[top : top + step] = (band * 255 + full // 2) // full
    return found


def bits_of(values: np.ndarray) -> int:
    """Give the bits that a sensor has, 8 to 14 in even numbers, whose values these can be; or 16."""
    high = int(values.max(initial=0))
    return next(bits for bits in (8, 10, 12, 14, 16) if high < 1 << bits) if high else 16


def _few_bits_of_colours(path: Readable) -> tuple[Image.Image, int] | None:
    """Read colours of 16 bits that use fewer, of which Pillow keeps the upper 8 alone; None where they use all."""
    values = cv2.imdecode(np.frombuffer(_bytes(path), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3 or values.shape[2] not in (3, 4):
        return None
    bits = bits_of(values[..., :3])
    order = [2, 1, 0, 3][: values.shape[2]]
    return None if bits == 16 else (Image.fromarray(to_eight_bits(values[..., order], bits)), bits)


def _head(path: Readable) -> bytes:
    with contextlib.suppress(OSError):
        return _bytes(path)[:512]
    return b""


def _is_heif(path: Readable) -> bool:
    head = _head(path)
    return head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


_FOREIGN = {
    b"version https://git-lfs": "it is a pointer of Git LFS: run git lfs pull",
    b"%PDF": "it is a PDF",
    b"PK\x03\x04": "it is a ZIP archive",
    b"<!doctype html": "it is a web page, saved instead of the picture",
    b"<html": "it is a web page, saved instead of the picture",
    b"<svg": "it is a drawing, SVG",
    b"II*\0": "a TIFF of a kind that Pillow does not know, such as colours in floating point",
    b"MM\0*": "a TIFF of a kind that Pillow does not know, such as colours in floating point",
}


def _reason(path: Readable, error: Exception) -> str:
    """Say why Pillow gave up; where it does not know the kind of file, what the file is."""
    if not isinstance(error, Image.UnidentifiedImageError):
        return str(error)
    head = _head(path)
    if not head:
        return "it is empty"
    if _is_heif(path):
        return "it is a damaged HEIC photo"
    if head[4:8] == b"ftyp":
        return "it is a video, or a photo of a kind that Pillow does not know"
    known = (text for start, text in _FOREIGN.items() if head.lstrip().lower().startswith(start.lower()))
    return next(known, str(error))
