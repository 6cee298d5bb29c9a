"""Picture files are opened here: what loses nothing is mended and said, and what cannot be read says why."""

import contextlib
import io
import os
import re
import struct
import threading
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from ..errors import DataError, UsageError

# What Pillow raises on broken files: OSError (unreadable, truncated), SyntaxError (PNG), RuntimeError (AVIF), others
# from broken headers, TIFF's above all.
BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error, RuntimeError, TypeError, ArithmeticError,
)  # fmt: skip
MOST_MEGAPIXELS = "METRICFIT_MAX_MEGAPIXELS"
"""The environment variable that allows larger pictures than Pillow opens by itself."""

CUT_OFF = "JPEG without its last bytes, of which every row is there"
FRAMES = "file of several pictures, the first one taken"
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
RAW_SUFFIXES = (".cr2", ".cr3", ".nef", ".nrw", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".srw")

Readable = str | Path | IO[bytes]
"""A path, or a file that is open already, such as one within an archive."""

_ORIENTATION = 0x0112
_LIMIT = threading.Lock()
# Up to the limit itself a picture is simply read.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)


def has_heif() -> bool:
    """Whether the extra is installed that reads HEIC and HEIF."""
    return find_spec("pillow_heif") is not None


def decode(path: Readable, upright: bool = True) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode a file completely, and turn it upright or leave it as stored; gives what was mended, too."""
    if str(path).lower().endswith(RAW_SUFFIXES):
        # Pillow would open many of them, and give the thumbnail.
        raise DataError(f"{path} is a raw photo of a camera: develop it, and save it as JPEG or PNG")
    try:
        file, repairs = _first_frame(path, _opened(path))
        image: Image.Image = file
        deep = file.mode in ("RGB", "RGBA") and _may_be_deep(file)
        turn = file.getexif().get(_ORIENTATION) if deep else None
        try:
            file.load()
        except OSError as error:
            if file.format not in ("JPEG", "MPO") or "truncated" not in str(error):
                raise
            image, repairs = _completed_jpeg(path), (*repairs, CUT_OFF)
        if deep and (found := _few_bits_of_colours(path)):
            image, bits = found
            image.getexif()[_ORIENTATION] = turn or 1
            repairs = (*repairs, few_bits(bits))
        if upright:
            ImageOps.exif_transpose(image, in_place=True)
    except FileNotFoundError as error:
        raise DataError(f"no image at {path}: check the path") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, error) from error
    except BROKEN as error:
        raise DataError(f"{path} cannot be read as an image ({_reason(path, error)}): replace it") from error
    return image, repairs


def is_turned(path: Readable, seen: bool = True) -> bool:
    """Tell whether a file's EXIF turns or mirrors it; not `seen`, whether it does so without changing its size."""
    with contextlib.suppress(*BROKEN, Image.DecompressionBombError), _opened(path) as file:
        turn = file.getexif().get(_ORIENTATION)
        return turn in (2, 3, 4) or (turn in (5, 6, 7, 8) and (seen or file.width == file.height))
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


def _opened(path: Readable) -> ImageFile:
    try:
        return Image.open(path)
    except Image.UnidentifiedImageError:
        # iPhones' photos are often called .jpg, too.
        if not _is_heif(path):
            raise
    except Image.DecompressionBombError as error:
        if _megapixels(error) > _most_megapixels():
            raise
        with _LIMIT:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                return Image.open(_again(path))
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    if not has_heif():
        raise DataError(
            f"{path} is a HEIC photo: install what reads them (pip install 'metricfit[heic]'), or save it as JPEG"
        )
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return Image.open(_again(path))


def _may_be_deep(file: ImageFile) -> bool:
    """Tell whether colours may have 16 bits: TIFF and PNG name their order of bytes, PPM its largest value."""
    stored = str(file.tile[:1])
    return ";16" in stored or "65535" in stored or file.format == "JPEG2000"


def _again(path: Readable) -> Readable:
    if not isinstance(path, (str, Path)):
        path.seek(0)
    return path


def _bytes(path: Readable) -> bytes:
    return Path(path).read_bytes() if isinstance(path, (str, Path)) else _again(path).read()  # type: ignore[union-attr]


def _most_megapixels() -> float:
    text = os.environ.get(MOST_MEGAPIXELS, "0")
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{MOST_MEGAPIXELS} must be a number, such as 500; got {text!r}") from None


def _megapixels(error: Image.DecompressionBombError) -> float:
    return int(re.findall(r"\d+", str(error))[0]) / 1e6


def _too_large(path: Readable, error: Image.DecompressionBombError) -> DataError:
    size, limit = _megapixels(error), max(2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6, _most_megapixels())
    return DataError(
        f"{path} is too large, {size:.0f} megapixels where {limit:.0f} are allowed: shrink it, cut it into tiles, or "
        f"allow more with {MOST_MEGAPIXELS}={-(-size // 100) * 100:.0f} in the environment"
    )


def _first_frame(path: Readable, image: ImageFile) -> tuple[ImageFile, tuple[str, ...]]:
    """Tell whether a file holds several pictures; the second ones in photos (MPO) are previews."""
    try:
        several = image.format != "MPO" and getattr(image, "n_frames", 1) > 1
    except BROKEN:
        # Only the first one need be sound.
        return _opened(_again(path)), ()
    return image, (FRAMES,) * several


def _completed_jpeg(path: Readable) -> Image.Image:
    """Give a JPEG that lacks its end; refuse one that lacks pixels: they change with what is put there."""
    data = _bytes(path).rstrip(b"\xff")
    image, other = (Image.open(io.BytesIO(data + end + b"\xff\xd9")) for end in (b"", b"\x55\x33\x71" * 64))
    image.load()
    rows = (np.asarray(image).reshape(image.height, -1) != np.asarray(other).reshape(image.height, -1)).any(axis=1)
    if rows.any():
        raise OSError(f"it ends early, {rows.sum()} of {len(rows)} rows are not whole")
    return image


def few_bits(bits: int) -> str:
    """Say that a picture of 16 bits was one of fewer."""
    return f"{bits} bits stored in 16, brought to the full range"


def to_eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Bring integers of so many bits to uint8, rounded; larger ones become 255."""
    full = (1 << bits) - 1
    return ((np.minimum(values.astype(np.int64), full) * 255 + full // 2) // full).astype(np.uint8)


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
