"""Made-up trees of pictures and masks in other tools' layouts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Writer = Callable[..., Path]


@pytest.fixture
def picture_at(tmp_path: Path) -> Writer:
    """Give what writes a small picture below the folder: noise of 8x6, or the values given."""

    def write(name: str, values: np.ndarray | None = None, mode: str | None = None, **options: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if values is None:
            values = np.random.default_rng(len(name)).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        image = Image.fromarray(np.asarray(values))
        (image.convert(mode) if mode else image).save(path, **options)
        return path

    return write


@pytest.fixture
def pairs_at(picture_at: Writer, tmp_path: Path) -> Writer:
    """Give what writes pictures and masks by patterns, such as `images/*.jpg` and `masks/*.png`; gives the folder."""

    def write(images: str, masks: str, stems: str = "abc", salient: int = 255) -> Path:
        for number, stem in enumerate(stems):
            picture_at(images.replace("*", stem))
            mask = np.zeros((6, 8), np.uint8)
            mask[1:3, : number + 2] = salient
            picture_at(masks.replace("*", stem), mask)
        return tmp_path

    return write
