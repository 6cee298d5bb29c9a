"""Writing pictures with masks or class maps: images/ and masks/ or labels/, as `folder:PATH` reads them."""

from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import DataError
from ..example import IGNORE, Example
from .base import Writer

_BETWEEN = 128
"""What a trimap has where nothing is known."""


class FolderWriter(Writer):
    """Writes masks of 0 and 255, with 128 where they are ignored, or class maps, and classes.txt for these."""

    source = "folder:{}"

    def write(self, example: Example, picture: Path) -> None:
        """See `Writer`."""
        folder = self.folder / ("labels" if self.needs == "labels" else "masks")
        folder.mkdir(exist_ok=True)
        values = example.labels if self.needs == "labels" else _shades(example)
        assert values is not None
        Image.fromarray(values).save(folder / f"{picture.stem}.png")

    def finish(self) -> None:
        """See `Writer`."""
        if self.needs == "labels" and self.class_names:
            super().finish()


def _shades(example: Example) -> np.ndarray:
    mask = example.mask
    assert mask is not None
    ignored = mask == IGNORE
    if ignored.any() and not (mask == 1).any():
        raise DataError(
            f"the mask of {example.name} has ignored pixels and no salient one, and would be read as salient where it "
            "is ignored: remove the example, or write class maps with --needs labels"
        )
    return np.where(ignored, _BETWEEN, np.where(mask == 1, 255, 0)).astype(np.uint8)
