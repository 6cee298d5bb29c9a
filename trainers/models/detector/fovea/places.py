"""The places that a FoveaBox looks from: one at the middle of each cell of every level, each level for its sizes."""

from dataclasses import dataclass

import numpy as np

from ....geometry import InputSize, Size
from ..anchors import STRIDES, level_shapes

BASE = 4  # strides in the side of a level's base square: 32 pixels on P3 to 512 on P7
# Scales, the roots of areas, from a level's base side over to times so much are found there.
SCALE_RANGE = 2.0


@dataclass(frozen=True)
class PlaceGrid:
    """Places of an input, in the order of the network's outputs: level, row, column.

    Base sides and scale ranges are those of Kong et al., FoveaBox, IEEE TIP 2020, section III, where neighbouring
    levels share half of their scales; the first and the last level also find what is smaller and what is larger.
    """

    size: InputSize

    @property
    def shapes(self) -> tuple[Size, ...]:
        """Height and width of each level's feature map; see `level_shapes`."""
        return level_shapes(self.size)

    def __len__(self) -> int:
        return sum(height * width for height, width in self.shapes)

    def boxes(self) -> np.ndarray:
        """The base square around each place, float32 [A, 4], xyxy in pixels; they reach over the input's edges."""
        levels = []
        for shape, stride in zip(self.shapes, STRIDES):
            y, x = np.meshgrid(*((np.arange(side) + 0.5) * stride for side in shape), indexing="ij")
            half = 0.5 * BASE * stride * np.array([-1, -1, 1, 1])
            levels.append(np.stack([x, y, x, y], axis=-1).reshape(-1, 4) + half)
        return np.concatenate(levels).astype(np.float32)

    def scales(self) -> np.ndarray:
        """Least and largest scale in pixels of what each place finds, float32 [A, 2]."""
        base = BASE * np.array(STRIDES, np.float32)
        least, most = base / SCALE_RANGE, base * SCALE_RANGE
        least[0], most[-1] = 0, np.inf
        return np.repeat(np.stack([least, most], axis=-1), [height * width for height, width in self.shapes], axis=0)
