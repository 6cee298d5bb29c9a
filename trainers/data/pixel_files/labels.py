"""Class maps as people save them: numbers of classes, or their colours."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import DataError
from ..example import IGNORE
from ..images import Seen, read_mask
from ..large.turns import TURNS
from .base import LOSSY, PixelValues, decoded, fitted
from .coding import FileCoding
from .colours import ColourMap

COLOURS = "labels in colour, read by {file}"


class LabelReader:
    """Reads label files: the number of each pixel's class, by its value or its colour."""

    def __init__(self, files: FileCoding, colours: ColourMap | None = None, values: Mapping[int, int] | None = None):
        """Take what the files mean.

        Args:
            colours: which colour is which class.
            values: which value is which class, where that is not the same; others are ignored.
        """
        self._files, self._colours, self._table = files, colours, None
        if values is not None:
            self._table = np.full(256, IGNORE, np.uint8)
            self._table[list(values)] = list(values.values())

    def __call__(self, path: Path, picture: Seen, image_path: Path) -> PixelValues:
        """See `PixelReader`."""
        with TURNS.taken():
            return self._read(path, picture, image_path)

    def _read(self, path: Path, picture: Seen, image_path: Path) -> PixelValues:
        adapted: tuple[str, ...] = ()
        if self._colours is None:
            mended: list[str] = []
            most = self._files.max_megapixels
            labels, repairs = read_mask(path, kind="labels", repairs=mended, max_megapixels=most), tuple(mended)
        else:
            opened, repairs = decoded(path, self._files, "labels")
            labels, adapted = self._of_colours(opened, path, self._colours)
        if self._table is not None:
            labels = self._table[labels]
        labels, done = fitted(labels, picture.size, path, image_path, self._files, "labels")
        return PixelValues(labels, adapted + done, repairs)

    def _of_colours(self, opened: Image.Image, path: Path, known: ColourMap) -> tuple[np.ndarray, tuple[str, ...]]:
        """Take the classes of colours; a file of numbers, grey or with another palette, keeps them."""
        pixels = np.asarray(opened.convert("RGB"))
        classes, strange = known.find(pixels)
        if not strange.any():
            return classes, (COLOURS.format(file=known.file),)
        if opened.mode in ("P", "L", "I;16", "I", "1"):
            return read_mask(path, kind="labels", max_megapixels=self._files.max_megapixels), ()
        red, green, blue = pixels[strange][0]
        share = strange.mean()
        if opened.format in LOSSY:
            advice = f"{opened.format} has changed its colours, so save the labels as PNG"
        else:
            advice = f"add the colour to {known.file}, or correct the labels"
        raise DataError(
            f"labels {path} hold the colour {red} {green} {blue}, which {known.file} does not list ({share:.1%} of the "
            f"pixels are such): {advice}"
        )
