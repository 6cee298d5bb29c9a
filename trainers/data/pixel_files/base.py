"""What the readers of masks and class maps share: how a file is opened, and what is done about another size."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ...errors import DataError
from ...geometry import Size
from ..decoding import FRAMES, decode
from ..images import Seen, check_sizes, resize_mask
from .coding import FileCoding

RESIZED = "{kind} of another size, resized to its picture's"
STRETCHED = "{kind} of another shape, stretched to its picture's"

LOSSY = ("JPEG", "JPEG2000", "WEBP", "AVIF", "HEIF")
"""Formats that may change what was saved."""


class PixelValues(NamedTuple):
    """What a file says of each pixel, uint8 [H, W]; what was done to it, and what was mended, a few words each."""

    values: np.ndarray
    adapted: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


PixelReader = Callable[[Path, Seen, Path], PixelValues]
"""From a file, its picture, and the picture's own file."""


def decoded(path: Path, files: FileCoding, kind: str = "mask") -> tuple[Image.Image, tuple[str, ...]]:
    """Decode a mask or class map completely and upright; gives what was mended, too."""
    opened, mended, _ = decode(path, most=files.max_megapixels)
    if FRAMES in mended:
        raise DataError(f"{path} holds several pictures, a {kind} is one: save the one that is meant")
    return opened, mended


def fitted(
    values: np.ndarray,
    size: Size,
    path: Path,
    image_path: Path,
    files: FileCoding,
    kind: str,
    resize: Callable[[np.ndarray, tuple[int, int]], np.ndarray] = resize_mask,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Bring values [h, w] to the `size` of their picture, where that is wanted; one that is turned never is."""
    height, width = size
    if values.shape == (height, width):
        return values, ()
    turned = values.shape == (width, height)
    if turned or not files.resize:
        try:
            check_sizes(size, values, image_path, path, kind)
        except DataError as error:
            raise DataError(f"{error}{'' if turned else ', or let --resize-masks do it'}") from error
    # Of the same shape is what one factor brings there, give or take a pixel.
    sides = list(zip(values.shape, (height, width)))
    same = max((side - 1) / other for side, other in sides) <= min((side + 1) / other for side, other in sides)
    return resize(values, (height, width)), ((RESIZED if same else STRETCHED).format(kind=kind),)


def listed(values: np.ndarray) -> str:
    """List some values, and whether there are more."""
    return ", ".join(f"{value:g}" for value in values[:4]) + (", ..." if len(values) > 4 else "")


def colour_codes(colours: np.ndarray) -> np.ndarray:
    """Give each RGB colour uint8 [..., 3] as one number."""
    red, green, blue = np.moveaxis(colours[..., :3].astype(np.int32), -1, 0)
    codes: np.ndarray = (red << 16) | (green << 8) | blue
    return codes
