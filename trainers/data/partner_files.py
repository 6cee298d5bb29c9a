"""Files that say something of each pixel of a picture: masks and class maps, as they are read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .file_coding import FileCoding
from .images import binary_mask, check_sizes, read_mask

PartnerReader = Callable[[Path, np.ndarray, Path], tuple[np.ndarray, tuple[str, ...]]]
"""From a file, its picture uint8 [H, W, 3] and the picture's path to uint8 [H, W] and what was done as asked for."""


class MaskReader:
    """Reads mask files: 0 background, 1 salient, 255 ignore."""

    def __init__(self, files: FileCoding):
        self._files = files

    def __call__(self, path: Path, image: np.ndarray, image_path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """See `PartnerReader`."""
        values = read_mask(path)
        check_sizes(image, values, image_path, path)
        return binary_mask(values, path), ()


class LabelReader:
    """Reads class maps: the value of each pixel."""

    def __init__(self, files: FileCoding):
        self._files = files

    def __call__(self, path: Path, image: np.ndarray, image_path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """See `PartnerReader`."""
        values = read_mask(path, kind="labels")
        check_sizes(image, values, image_path, path, "labels")
        return values, ()
