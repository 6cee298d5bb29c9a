"""The anchors of KerasHub's RetinaNet, as its `AnchorGenerator` lays them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...geometry import Size, height_width
from ..detector.anchors import STRIDES, AnchorGrid

RATIOS = (0.5, 1.0, 2.0)  # height over width


@dataclass(frozen=True)
class HubAnchorGrid(AnchorGrid):
    """Anchors of an input, in the order of KerasHub's outputs: level, row, column, ratio, scale.

    They lie on the corners of the cells, not on their middles, in whole pixels. ValueError also where they get no side.
    """

    offset: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._sizes(STRIDES[0]).min() <= 0:
            raise ValueError(f"anchor_scale {self.anchor_scale} is too small: KerasHub's anchors have whole pixels")

    @property
    def strides(self) -> tuple[Size, ...]:
        """As `AnchorGrid.strides`, where a level's own stride does not divide the input's side, too."""
        high, wide = height_width(self.size)
        return tuple((high // height, wide // width) for height, width in self.shapes)

    def _sizes(self, stride: int) -> np.ndarray:
        """As `AnchorGrid._sizes`, rounded as there."""
        scales = 2.0 ** (np.arange(self.scales_per_octave) / self.scales_per_octave)
        sizes = np.array([int(stride * self.anchor_scale * scale) for scale in scales], np.float32)
        height = np.sqrt(np.array(RATIOS, np.float32))[:, None]
        sides = np.stack([(1 / height * sizes).ravel(), (height * sizes).ravel()], axis=-1)
        return 2 * np.round(sides / 2).astype(np.float64)
