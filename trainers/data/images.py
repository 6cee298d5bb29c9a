"""Reading and resizing pictures: one loader and one resize for training, evaluation, prediction and the demo."""

import logging
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..errors import DataError
from .decoding import FRAMES, HEIF_SUFFIXES, Readable, bits_of, decode, few_bits, has_heif, is_lossy, to_eight_bits

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")

log = logging.getLogger("metricfit")

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif", ".jp2",
    *(HEIF_SUFFIXES if has_heif() else ()),
)  # fmt: skip
"""What a folder's pictures are recognised by, in any case of letters."""


def picture_files(folder: Path) -> list[Path]:
    """List a folder's pictures by name, without hidden files."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def over_white(image: np.ndarray) -> np.ndarray:
    """Lay a picture uint8 [H, W, 4], RGBA, over white: uint8 [H, W, 3]."""
    white = Image.new("RGBA", (image.shape[1], image.shape[0]), (255, 255, 255, 255))
    return np.array(Image.alpha_composite(white, Image.fromarray(image)).convert("RGB"))


def read_image(
    path: Readable, *, upright: bool = True, transparency: bool = False, repairs: list[str] | None = None
) -> np.ndarray:
    """Read a picture as uint8 [H, W, 3], RGB, turned as EXIF says if `upright`; transparency is laid over white.

    With `transparency` it is kept where a pixel has some: uint8 [H, W, 4], RGBA. What was mended is added to `repairs`,
    a few words each, or logged where nobody asks for it.
    """
    image, mended = decode(path, upright)
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(
                f"{path} holds integers in {values.min()}..{values.max()}, a picture has 8 or 16 bits: save it so"
            )
        bits = bits_of(values)
        _tell(path, (*mended, *[few_bits(bits)] * (bits < 16)), repairs)
        return np.repeat(to_eight_bits(values, bits)[..., None], 3, axis=2)
    if image.mode == "F":
        values = np.asarray(image)
        raise DataError(
            f"{path} holds floating-point values ({values.min():g} to {values.max():g}), and which of them is white is "
            "not known: save it as an 8- or 16-bit picture"
        )
    _tell(path, mended, repairs)
    if image.has_transparency_data:
        # Premultiplied grey, as some editors save it, has no way of its own to RGBA.
        rgba = np.array((image.convert("LA") if image.mode == "La" else image).convert("RGBA"))
        return rgba if transparency and (rgba[..., 3] < 255).any() else over_white(rgba)
    return np.array(image.convert("RGB"))


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


def read_mask(path: Readable, *, kind: str = "mask", repairs: list[str] | None = None) -> np.ndarray:
    """Read the index or grey values of a mask or class map as stored, uint8 [H, W]; `kind` is its name in errors."""
    image, mended = decode(path)
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


def check_sizes(image: np.ndarray, mask: np.ndarray, image_name: object, mask_name: object, kind: str = "mask") -> None:
    """Refuse a mask that has not the size of its (upright) image."""
    if mask.shape != image.shape[:2]:
        advice = ": resize one of them"
        if mask.shape == image.shape[1::-1]:
            advice = (
                " (the two are turned: is the picture's EXIF rotation the reason?): turn the "
                f"{kind} as the picture is shown, or store the picture upright without that rotation"
            )
        raise DataError(
            f"{kind} {mask_name} is {mask.shape[1]}x{mask.shape[0]}, its image {image_name} is "
            f"{image.shape[1]}x{image.shape[0]}{advice}"
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
