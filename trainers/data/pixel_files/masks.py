"""Masks as people save them: with two values, with shades, of 16 bits, as trimaps, or in a picture's alpha."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ...errors import DataError
from ...geometry import Size
from ..example import IGNORE
from ..images import Seen, different
from ..large.turns import TURNS
from .base import LOSSY, PixelValues, colour_codes, decoded, fitted, listed
from .coding import FileCoding

TRIMAP = "trimap, what is neither background nor salient ignored"
PETS = "trimap of 1, 2 and 3: 1 is salient, 2 background, 3 ignored"
OF_ONE = "mask of 0 and 1, where 1 is salient whatever the threshold"
FROM_ALPHA = "mask taken from alpha"
BLANK = "picture without background where its alpha is 0, which no camera gives"
_MIDDLE = (127, 128)


class MaskReader:
    """Reads mask files: 0 background, 1 salient, 255 ignore.

    Of two values the larger is salient, or a single one above 0. 0, 127 or 128 and 255 are a trimap, and in `trimap`
    files everything between the ends is ignored. Other shades are cut where the user says, and refused otherwise.
    """

    def __init__(self, files: FileCoding, *, trimap: bool = False):
        self._files, self._trimap = files, trimap

    def __call__(self, path: Path, picture: Seen, image_path: Path) -> PixelValues:
        """See `PixelReader`."""
        with TURNS.taken():
            opened, repairs = decoded(path, self._files)
            values, top, adapted = _shades(opened, path)
            mask, done = self.cut(values, top, picture.size, path, image_path, opened.format in LOSSY)
        return PixelValues(mask, adapted + done, repairs)

    def cut(
        self, values: np.ndarray, top: float, size: Size, path: Path, image_path: Path, lossy: bool
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Make the mask of shades [h, w] between 0 and `top`, of the size of its picture; tells what was done."""
        present, threshold = different(values), self._files.threshold
        adapted: tuple[str, ...] = ()
        if self._trimap or (threshold is None and _is_trimap(present, top)):
            numbered = present[0] >= 1 and present[-1] <= 3
            ends, adapted = ([2, 1], (PETS,)) if numbered else ([0, top], (TRIMAP,))
            mask = np.select([values == ends[0], values == ends[1]], [0, 1], IGNORE).astype(np.uint8)
        elif threshold is None:
            _check_two(present, top, path, lossy)
            mask = (values == present[-1]).astype(np.uint8) * np.uint8(present[-1] > 0)
        elif present[-1] <= 1 < threshold * top and not lossy:
            mask, adapted = values.astype(np.uint8), (OF_ONE,) * int(present[-1])
        else:
            limit = threshold * top
            _check_reach(present, top, threshold, path, lossy)
            shades, done = fitted(values, size, path, image_path, self._files, "mask", _resized)
            said = f"mask with shades, cut at {threshold:g}"
            return (shades >= limit).astype(np.uint8), ((said,) * (len(present) > 2) + done)
        mask, done = fitted(mask, size, path, image_path, self._files, "mask")
        return mask, adapted + done


def _check_two(present: np.ndarray, top: float, path: Path, lossy: bool) -> None:
    """Refuse a mask whose values do not say themselves which of them are salient."""
    low, high = present[0], present[-1]
    if len(present) > 2:
        why = "a saliency mask holds two, for background and salient"
    elif len(present) == 2 and low > 0 and (low >= top / 2) == (high >= top / 2):
        why = "of which it cannot be told what is salient"
    elif lossy and not {low, high} <= {0, top}:
        why = "which may be nothing but the noise of its format"
    else:
        return
    held = f"{len(present)} values" if len(present) > 1 else "the value"
    raise DataError(
        f"mask {path} holds {held} ({listed(present)}), {why}: threshold it and save it as PNG, or say where its "
        "border lies with --mask-threshold 0.5"
    )


def _check_reach(present: np.ndarray, top: float, threshold: float, path: Path, lossy: bool) -> None:
    """Refuse a mask in which nothing is salient though it is not black, unless that can be noise."""
    if 0 < present[-1] < threshold * top and not lossy:
        raise DataError(
            f"mask {path} holds values up to {present[-1]:g} of {top:g}, so nothing in it is salient at "
            f"--mask-threshold {threshold:g}: if these are numbers of objects or classes, save 255 where the picture "
            "is salient"
        )


class AlphaReader(MaskReader):
    """Reads masks out of the alpha of the very pictures."""

    def __call__(self, path: Path, picture: Seen, image_path: Path) -> PixelValues:
        """See `PixelReader`."""
        with TURNS.taken():
            return self._of_alpha(path, picture, image_path)

    def _of_alpha(self, path: Path, picture: Seen, image_path: Path) -> PixelValues:
        opened, _ = decoded(path, self._files)
        if not opened.has_transparency_data:
            raise DataError(f"{path} has no alpha, in which the others have their masks: add it, or remove the picture")
        alpha = np.asarray(opened.convert("RGBA"))[..., 3]
        mask, done = self.cut(alpha, 255, picture.size, path, image_path, opened.format in LOSSY)
        blank = (mask == 0).any() and len(np.unique(colour_codes(picture.image[mask == 0]))) == 1
        return PixelValues(mask, (FROM_ALPHA, *done, *(BLANK,) * bool(blank)))


def read_opaque(path: Path, *, repairs: list[str], files: FileCoding) -> Seen:
    """Read a picture in all its pixels, without regard to its alpha; what was mended is added to `repairs`."""
    with TURNS.taken():
        opened, mended = decoded(path, files)
        repairs.extend(mended)
        image = np.array(opened.convert("RGBA"))[..., :3]
    return Seen(image, (image.shape[0], image.shape[1]))


def _resized(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    smaller = tuple(min(pair) for pair in zip(size, values.shape))
    shades = cv2.resize(values.astype(np.float32), smaller[::-1], interpolation=cv2.INTER_AREA)
    return cv2.resize(shades, size[::-1], interpolation=cv2.INTER_LINEAR)


def _is_trimap(present: np.ndarray, top: float) -> bool:
    """Tell a trimap by its values; with no background or nothing salient in sight it may look like a mask."""
    values = present.tolist()
    return top == 255 and any(values in ([0, middle, 255], [middle, 255]) for middle in _MIDDLE)


def _shades(opened: Image.Image, path: Path) -> tuple[np.ndarray, float, tuple[str, ...]]:
    """Give the values [H, W] of a mask's only channel, the top of their range, and where they were taken from."""
    if opened.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        return _with_alpha(opened, path)
    values = np.asarray(opened)
    if values.ndim == 3:
        return _grey(values, opened.mode, path), 255, ()
    if opened.mode == "P" and opened.palette is not None:
        # Two colours of a palette are two values whatever they look like; shades are what they look like.
        looks = np.asarray(opened.convert("RGB"))
        many = len(np.unique(values)) > 2 and (looks == looks[..., :1]).all()
        return (looks[..., 0] if many else values), 255, ()
    if values.dtype == np.bool_:
        return values.astype(np.uint8), 1, ()
    low, high = values.min(), values.max()
    if values.dtype.kind == "f" and np.isfinite(values).all() and low >= 0 and high <= 255:
        return values, 1 if high <= 1 else 255, ()
    if values.dtype.kind not in "iu" or low < 0 or high > 65535:
        raise DataError(f"mask {path} holds values in {low}..{high}, expected 0..255, 0..65535 or 0..1: save it so")
    return values, 255 if values.dtype == np.uint8 or high <= 255 else 65535, ()


def _grey(values: np.ndarray, mode: str, path: Path) -> np.ndarray:
    """Give the shades of a mask in colour: its channels agree, or there is one colour besides black."""
    colours = values[..., :3]
    if mode in ("RGB", "RGBA"):
        if (colours == colours[..., :1]).all():
            return np.ascontiguousarray(colours[..., 0])
        lit = colours.any(axis=-1)
        if len(np.unique(colour_codes(colours[lit]))) == 1:
            return np.where(lit, 255, 0).astype(np.uint8)
    raise DataError(
        f"{path} is a colour picture ({mode}), a mask has one channel, a palette, or one colour besides black: save "
        "255 where the picture is salient and 0 elsewhere"
    )


def _with_alpha(opened: Image.Image, path: Path) -> tuple[np.ndarray, float, tuple[str, ...]]:
    """Take the mask from the channel that says something, alpha or shades; refuse two that say different things."""
    values = np.asarray(opened.convert("RGBA"))
    alpha = values[..., 3]
    if alpha.min() == alpha.max():
        return _grey(values, "RGBA", path), 255, ()
    seen = values[alpha > 0][:, :3]
    if len(np.unique(colour_codes(seen))) == 1 or (seen != seen[:, :1]).any():
        # One colour cut out, or a cut-out of the picture itself.
        return alpha, 255, (FROM_ALPHA,)
    grey = _grey(values, "RGBA", path)
    if np.array_equal(grey > 127, alpha > 127):
        return alpha, 255, (FROM_ALPHA,)
    raise DataError(
        f"mask {path} has shades and an alpha that disagree, and either could be the mask: save the one that is meant "
        "alone"
    )
