"""Reading and resizing pictures: one loader and one resize for training, evaluation, prediction and the demo."""

import struct
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from PIL import Image, ImageOps

from ..errors import DataError

# What Pillow raises on broken files: OSError (unreadable, truncated), SyntaxError (PNG), others from broken headers.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, Image.DecompressionBombError)
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")

Readable = str | Path | IO[bytes]
"""A path, or a file that is open already, such as one within an archive."""

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif", ".jp2",
)  # fmt: skip
"""What a folder's pictures are recognised by, in any case of letters."""


def picture_files(folder: Path) -> list[Path]:
    """List a folder's pictures by name, without hidden files."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _open(path: Readable, upright: bool = True) -> Image.Image:
    """Decode a file completely, and turn it upright or leave it as stored."""
    try:
        image = Image.open(path)
        image.load()
        if upright:
            ImageOps.exif_transpose(image, in_place=True)
    except FileNotFoundError as error:
        raise DataError(f"no image at {path}: check the path") from error
    except _BROKEN as error:
        raise DataError(f"{path} cannot be read as an image ({error}): replace it") from error
    return image


def read_image(path: Readable, *, upright: bool = True) -> np.ndarray:
    """Read a picture as uint8 [H, W, 3], RGB, turned as EXIF says if `upright`; transparency is laid over white."""
    image = _open(path, upright)
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(
                f"{path} holds integers in {values.min()}..{values.max()}, a picture has 8 or 16 bits: save it so"
            )
        grey = ((values * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise DataError(f"{path} holds floating-point values of unknown range: save it as an 8- or 16-bit picture")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


_INSTEAD = {
    "mask": "a mask has one channel or a palette: save the class or object index of each pixel",
    "labels": "labels are the class index of each pixel, grey or with a palette: turn each colour into the index of "
    "its class, as docs/data.md shows",
}


def read_mask(path: Readable, *, kind: str = "mask") -> np.ndarray:
    """Read the index or grey values of a mask or class map as stored, uint8 [H, W]; `kind` is its name in errors."""
    image = _open(path)
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


def check_sizes(image: np.ndarray, mask: np.ndarray, image_name: object, mask_name: object, kind: str = "mask") -> None:
    """Refuse a mask that has not the size of its (upright) image."""
    if mask.shape != image.shape[:2]:
        raise DataError(
            f"{kind} {mask_name} is {mask.shape[1]}x{mask.shape[0]}, its image {image_name} is "
            f"{image.shape[1]}x{image.shape[0]}: resize one of them"
        )


def binary_mask(values: np.ndarray, mask_name: object) -> np.ndarray:
    """Turn a mask uint8 [H, W] into 0 and 1, salient: the larger value, or a single one above 0; refuses a third."""
    present = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
    if len(present) > 2:
        listed = ", ".join(str(value) for value in present[:4]) + (", ..." if len(present) > 4 else "")
        raise DataError(
            f"mask {mask_name} holds {len(present)} values ({listed}), "
            f"a saliency mask holds two, for background and salient: threshold it and save it as PNG"
        )
    return (values == present[-1]).astype(np.uint8) if present[-1] > 0 else np.zeros_like(values)


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
