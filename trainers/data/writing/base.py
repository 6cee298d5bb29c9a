"""What the writers of all layouts share: pictures as they are or as PNG, names of their own, what changed."""

import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ...files import write_text
from ..example import Example
from ..images import PICTURE_SUFFIXES

_KEPT = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
AS_PNG = "picture written as PNG: the file is turned, of another kind, or in no file of its own"


class Writer(ABC):
    """Writes the examples of one source below a folder; what a layout cannot say is counted in `changed`.

    Attributes:
        images: the folder of the pictures.
        source: how what was written is opened, with {} for the folder.
    """

    images: ClassVar[str] = "images"
    source: ClassVar[str]

    def __init__(self, folder: Path, class_names: Sequence[str], needs: str):
        self.folder, self.class_names, self.needs = folder, tuple(class_names), needs
        self.changed: Counter[str] = Counter()
        self._taken: set[str] = set()
        (folder / self.images).mkdir(parents=True)

    def add(self, example: Example, file: Path | None) -> None:
        """Write one example, whose picture may be a file."""
        stem = self._stem(example.name)
        self.write(example, self._picture(stem, example.image, file))

    @abstractmethod
    def write(self, example: Example, picture: Path) -> None:
        """Write what is known of an example, whose picture is written already."""

    def finish(self) -> None:
        """Write what is about all examples: by default the names of the classes."""
        write_text(self.folder / "classes.txt", "".join(f"{name}\n" for name in self.class_names))

    def boxes(self, example: Example) -> Any:
        """Give the boxes of an example with their classes, in pixels: float64 [n, 4] and int [n]."""
        assert example.boxes is not None
        assert example.classes is not None
        return example.boxes.astype(np.float64), example.classes

    def _stem(self, name: str) -> str:
        """Give a name without folders and ending, which no other example has, even where case is ignored."""
        flat = name.replace("/", "_").replace("\\", "_")
        if flat.lower().endswith(PICTURE_SUFFIXES):
            flat = flat.rpartition(".")[0]
        stem, number = flat, 1
        while stem.casefold() in self._taken:
            number += 1
            stem = f"{flat}-{number}"
        self._taken.add(stem.casefold())
        return stem

    def _picture(self, stem: str, image: np.ndarray, file: Path | None) -> Path:
        """Copy the picture's file where every program reads it as it was read here, else write it as PNG."""
        if file is not None and file.suffix.lower() in _KEPT and _read_plainly(file, image):
            path = self.folder / self.images / f"{stem}{file.suffix.lower()}"
            shutil.copyfile(file, path)
            return path
        path = self.folder / self.images / f"{stem}.png"
        Image.fromarray(image).save(path)
        self.changed[AS_PNG] += 1
        return path


def _read_plainly(file: Path, image: np.ndarray) -> bool:
    try:
        with Image.open(file) as opened:
            turned = opened.getexif().get(0x0112, 1) != 1
            return not turned and np.array_equal(np.asarray(opened.convert("RGB")), image)
    except (OSError, SyntaxError, ValueError):
        return False
