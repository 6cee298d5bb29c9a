"""Reading and resizing pictures: one loader and one resize for training, evaluation, prediction and the demo."""

import logging
import zlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

from ..errors import DataError
from ..geometry import Size
from .decoding import (
    BROKEN,
    FRAMES,
    HEIF_SUFFIXES,
    SIDEWAYS,
    Decoded,
    Readable,
    bits_of,
    decode,
    few_bits,
    has_heif,
    is_lossy,
    to_eight_bits,
)
from .decoding import (
    NamedBytes as NamedBytes,
)
from .large.limit import check_megapixels
from .large.png_bands import NotByBands, opened_bytes, png_bands, png_orientation, read_header
from .large.reduction import band_rows, by_bands, reduction
from .large.turns import TURNS
from .paths import Paths, files_called
from .pixel_files.coding import FileCoding

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")

log = logging.getLogger("metricfit")

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif", ".jp2",
    *(HEIF_SUFFIXES if has_heif() else ()),
)  # fmt: skip
"""What a folder's pictures are recognised by, in any case of letters."""


def picture_files(folder: Path) -> Paths:
    """List a folder's pictures by name, without hidden files."""
    return files_called(folder, PICTURE_SUFFIXES)


def over_white(image: np.ndarray) -> np.ndarray:
    """Lay a picture uint8 [H, W, 4], RGBA, over white: uint8 [H, W, 3]."""
    white = Image.new("RGBA", (image.shape[1], image.shape[0]), (255, 255, 255, 255))
    return np.array(Image.alpha_composite(white, Image.fromarray(image)).convert("RGB"))


def different(values: np.ndarray) -> np.ndarray:
    """Give the different values there are, sorted; of bytes without a sorted copy."""
    if values.dtype != np.uint8:
        return np.unique(values)
    return np.flatnonzero(counts_of_bytes(values)).astype(np.uint8)


def counts_of_bytes(values: np.ndarray) -> np.ndarray:
    """Count how often each byte occurs in uint8 [H, W], int64 [256]: `np.bincount` alone takes 8 bytes a pixel."""
    counts = np.zeros(256, np.int64)
    step = band_rows((values.shape[0], max(1, values.shape[1])))
    for top in range(0, len(values), step):
        counts += np.bincount(values[top : top + step].ravel(), minlength=256)
    return counts


class Seen(NamedTuple):
    """A picture as networks see it: uint8 [h, w, 3], RGB, and its own (height, width), larger by `reduction`."""

    image: np.ndarray
    size: Size


def read_image(
    path: Readable,
    *,
    upright: bool = True,
    transparency: bool = False,
    repairs: list[str] | None = None,
    max_megapixels: float | None = None,
) -> np.ndarray:
    """Read a picture as uint8 [H, W, 3], RGB, turned as EXIF says if `upright`; transparency is laid over white.

    With `transparency` it is kept where a pixel has some: uint8 [H, W, 4], RGBA. What was mended is added to `repairs`,
    a few words each, or logged where nobody asks for it. Larger ones than `max_megapixels` are refused.
    """
    with TURNS.taken():
        return _rgb(path, decode(path, upright, most=max_megapixels), repairs, transparency)


def read_seen(
    path: Readable, *, upright: bool = True, repairs: list[str] | None = None, files: FileCoding | None = None
) -> Seen:
    """Read a picture, as `read_image` does, as networks see it: a large one smaller, and not all of it at once.

    `files` says which size is too large, and whether all pixels are wanted nevertheless.
    """
    files = files or FileCoding()
    with TURNS.taken():
        if not files.whole and (seen := _png_by_bands(path, upright, files.max_megapixels)):
            return seen
        decoded = decode(path, upright, most=files.max_megapixels, smaller=not files.whole)
        # What the format itself did not do is left to be done.
        factor = 1 if files.whole else reduction(decoded.size) * decoded.image.height // decoded.size[0]
        return Seen(_rgb(path, decoded, repairs, factor=max(1, factor)), decoded.size)


def _png_by_bands(path: Readable, upright: bool, max_megapixels: float | None) -> Seen | None:
    """Read a large PNG band by band; None where it is not large, or for Pillow to judge."""
    header = read_header(path)
    factor = reduction(header.size) if header else 1
    if header is None or factor == 1:
        return None
    check_megapixels(path, header.size[0] * header.size[1], max_megapixels)
    TURNS.take(header.size[0] * header.size[1])
    try:
        with opened_bytes(path) as file:
            bands = png_bands(file, header, band_rows(header.size, factor))
            image = by_bands(header.size, lambda top, bottom: _convert(next(bands)), factor)
            if next(bands, None) is not None:
                return None
        turn = png_orientation(path) if upright else 1
    except (NotByBands, StopIteration, zlib.error, *BROKEN):
        return None
    return Seen(turned(image, turn), header.size[::-1] if turn in SIDEWAYS else header.size)


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a picture uint8 [H, W, C] upright as EXIF's orientation says."""
    picture = Image.fromarray(image)
    picture.getexif()[0x0112] = orientation
    return np.array(ImageOps.exif_transpose(picture)) if orientation != 1 else image


def _rgb(
    path: Readable, decoded: Decoded, repairs: list[str] | None, transparency: bool = False, factor: int = 1
) -> np.ndarray:
    """Bring what was decoded to uint8 [H, W, 3], or [H, W, 4], its sides divided by `factor`, band by band."""
    image, mended, _ = decoded
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(
                f"{path} holds integers in {values.min()}..{values.max()}, a picture has 8 or 16 bits: save it so"
            )
        bits = bits_of(values)
        _tell(path, (*mended, *[few_bits(bits)] * (bits < 16)), repairs)
        grey = to_eight_bits(values, bits)[..., None]
        return by_bands(grey.shape[:2], lambda top, bottom: np.repeat(grey[top:bottom], 3, axis=2), factor)
    if image.mode == "F":
        values = np.asarray(image)
        raise DataError(
            f"{path} holds floating-point values ({values.min():g} to {values.max():g}), and which of them is white is "
            "not known: save it as an 8- or 16-bit picture"
        )
    _tell(path, mended, repairs)
    size = (image.height, image.width)

    def part(top: int, bottom: int) -> Image.Image:
        return image if bottom - top == image.height else image.crop((0, top, image.width, bottom))

    if transparency and image.has_transparency_data:
        rgba = by_bands(size, lambda top, bottom: _rgba(part(top, bottom)), factor, channels=4)
        if (rgba[..., 3] < 255).any():
            return rgba
    return by_bands(size, lambda top, bottom: _convert(part(top, bottom)), factor)


def _rgba(image: Image.Image) -> np.ndarray:
    # Premultiplied grey, as some editors save it, has no way of its own to RGBA.
    return np.array((image.convert("LA") if image.mode == "La" else image).convert("RGBA"))


def _convert(image: Image.Image) -> np.ndarray:
    """Give RGB, uint8 [H, W, 3], of a picture of 8 bits or fewer; transparency is laid over white."""
    return over_white(_rgba(image)) if image.has_transparency_data else np.array(image.convert("RGB"))


def _tell(path: Readable, mended: tuple[str, ...], repairs: list[str] | None) -> None:
    if repairs is not None:
        repairs.extend(mended)
    else:
        for repair in mended:
            log.warning("repaired: %s: %s", path, repair)


_INSTEAD = {
    "mask": "a mask has one channel or a palette: save the class or object index of each pixel",
    "labels": "labels are the class index of each pixel, grey or with a palette: say with --colours FILE which colour "
    "is which class, as docs/data.md shows",
}


def read_mask(
    path: Readable, *, kind: str = "mask", repairs: list[str] | None = None, max_megapixels: float | None = None
) -> np.ndarray:
    """Read the index or grey values of a mask or class map as stored, uint8 [H, W]; `kind` is its name in errors."""
    with TURNS.taken():
        return _stored_values(path, kind, repairs, max_megapixels)


def _stored_values(path: Readable, kind: str, repairs: list[str] | None, most: float | None) -> np.ndarray:
    image, mended, _ = decode(path, most=most)
    if FRAMES in mended:
        raise DataError(f"{path} holds several pictures, a {kind} is one: save the one that is meant")
    if kind == "labels" and is_lossy(image, path):
        raise DataError(
            f"labels {path} are stored as {image.format}, which changes the numbers of classes at their borders: save "
            "them as PNG where they were made (converted, the file keeps the wrong numbers)"
        )
    _tell(path, mended, repairs)
    if image.mode in ("LA", "PA", "La"):
        return np.ascontiguousarray(np.asarray(image)[..., 0])
    values = np.array(image)
    if values.ndim == 3:
        colours = values[..., :3]
        if image.mode not in ("RGB", "RGBA") or (colours != colours[..., :1]).any():
            raise DataError(f"{path} is a colour picture ({image.mode}), {_INSTEAD[kind]}")
        return np.ascontiguousarray(colours[..., 0])
    if values.dtype != np.bool_ and (values.min() < 0 or values.max() > 255 or values.dtype.kind == "f"):
        raise DataError(
            f"{path} holds values in {values.min()}..{values.max()}, expected integers in 0..255 ({kind}): "
            "save it with 8 bits"
        )
    return values.astype(np.uint8)


def check_sizes(size: Size, mask: np.ndarray, image_name: object, mask_name: object, kind: str = "mask") -> None:
    """Refuse a mask that has not the size (height, width) of its (upright) image."""
    if mask.shape != size:
        advice = ": resize one of them"
        if mask.shape == size[::-1]:
            advice = (
                " (the two are turned: is the picture's EXIF rotation the reason?): turn the "
                f"{kind} as the picture is shown, or store the picture upright without that rotation"
            )
        raise DataError(
            f"{kind} {mask_name} is {mask.shape[1]}x{mask.shape[0]}, its image {image_name} is "
            f"{size[1]}x{size[0]}{advice}"
        )


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize uint8 [h, w, 3] or [h, w] to (height, width), averaged where it shrinks, bilinear where it grows."""
    height, width = size
    smaller = (min(height, image.shape[0]), min(width, image.shape[1]))
    if smaller != image.shape[:2]:
        image = cv2.resize(image, smaller[::-1], interpolation=cv2.INTER_AREA)
    if (height, width) != image.shape[:2]:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask or class map uint8 [h, w] to `size` (height, width) by nearest neighbour: no value is invented."""
    height, width = size
    if mask.shape[:2] == (height, width):
        return mask
    # INTER_NEAREST alone is half a pixel off the image; the exact kind uses pixel centres as the others do.
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def resize_map(saliency: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a saliency map float32 [h, w] to `size` (height, width), the size of its label or picture, bilinearly."""
    height, width = size
    saliency = np.asarray(saliency, dtype=np.float32)
    if saliency.shape[:2] == (height, width):
        return saliency
    return cv2.resize(saliency, (width, height), interpolation=cv2.INTER_LINEAR)
