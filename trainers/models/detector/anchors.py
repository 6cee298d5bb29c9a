"""The boxes that detectors with anchors start from: a grid of them on every level of the feature pyramid."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

STRIDES = (8, 16, 32, 64, 128)  # pixels between two locations of the levels P3 to P7
ASPECT_RATIOS = (0.5, 1.0, 2.0)  # width over height


def level_sides(size: int) -> tuple[int, ...]:
    """Side of each level's feature map: size / stride, rounded up as convolutions with padding "same" do."""
    return tuple(-(-size // stride) for stride in STRIDES)


@dataclass(frozen=True)
class AnchorGrid:
    """Anchors of a square input, in the order of the network's outputs: level, row, column, anchor.

    The square ones measure anchor_scale * stride * 2^(k / scales_per_octave) pixels for k = 0, 1 ... (Lin et al., Focal
    Loss for Dense Object Detection, ICCV 2017, section 4). ValueError where a number is out of range.
    """

    size: int
    scales_per_octave: int = 3
    anchor_scale: float = 4.0

    offset: ClassVar[float] = 0.5  # of the first location from the edge, in strides

    def __post_init__(self) -> None:
        for name, least in (("size", 1), ("scales_per_octave", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not self.anchor_scale > 0:
            raise ValueError(f"anchor_scale must be above 0, got {self.anchor_scale}")

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of each level's feature map; see `level_sides`."""
        return level_sides(self.size)

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels between two locations of each level."""
        return STRIDES

    @property
    def per_location(self) -> int:
        """Anchors at each location."""
        return self.scales_per_octave * len(ASPECT_RATIOS)

    def __len__(self) -> int:
        return self.per_location * sum(side * side for side in self.sides)

    def boxes(self) -> np.ndarray:
        """All anchors, float32 [A, 4], xyxy in pixels; they reach over the input's edges where they would."""
        levels = []
        for side, stride, level in zip(self.sides, self.strides, STRIDES):
            halves = np.tile(self._shapes(level), 2) * [-0.5, -0.5, 0.5, 0.5]
            centres = (np.arange(side) + self.offset) * stride
            y, x = np.meshgrid(centres, centres, indexing="ij")
            levels.append((np.stack([x, y, x, y], axis=-1)[:, :, None] + halves).reshape(-1, 4))
        return np.concatenate(levels).astype(np.float32)

    def _shapes(self, stride: int) -> np.ndarray:
        """Width and height of the anchors at each location of the level of a stride, float64 [per_location, 2]."""
        scales = 2.0 ** (np.arange(self.scales_per_octave) / self.scales_per_octave)
        sizes = (self.anchor_scale * stride * scales)[:, None]
        # Equal areas for all ratios of a scale.
        widths, heights = (sizes * np.sqrt(ASPECT_RATIOS)).ravel(), (sizes / np.sqrt(ASPECT_RATIOS)).ravel()
        return np.stack([widths, heights], axis=-1)

    def best_overlaps(self, boxes: np.ndarray) -> np.ndarray:
        """Give the IoU of each of boxes [n, 4] within the input with the anchor that fits it best, float64 [n].

        Of anchors of one shape that is one at the location nearest to the box's middle, so few are looked at.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        best = np.zeros(len(boxes))
        for side, stride, level in zip(self.sides, self.strides, STRIDES):
            nearest = np.clip(np.floor(middles / stride + 0.5 - self.offset), 0, side - 1)
            apart = np.abs((nearest + self.offset) * stride - middles)
            for shape in self._shapes(level):
                shared = np.minimum(np.minimum(shape, sides), (shape + sides) / 2 - apart).clip(0).prod(axis=1)
                np.maximum(best, shared / (shape.prod() + sides.prod(axis=1) - shared), out=best)
        return best
