"""The boxes that detectors with anchors start from: a grid of them on every level of the feature pyramid."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...geometry import InputSize, Size, height_width

STRIDES = (8, 16, 32, 64, 128)  # pixels between two locations of the levels P3 to P7
ASPECT_RATIOS = (0.5, 1.0, 2.0)  # width over height


def level_shapes(size: InputSize) -> tuple[Size, ...]:
    """Height and width of each level's feature map: size / stride, rounded up as "same" convolutions do."""
    height, width = height_width(size)
    return tuple((-(-height // stride), -(-width // stride)) for stride in STRIDES)


@dataclass(frozen=True)
class AnchorGrid:
    """Anchors of an input, in the order of the network's outputs: level, row, column, anchor.

    The square ones measure anchor_scale * stride * 2^(k / scales_per_octave) pixels for k = 0, 1 ... (Lin et al., Focal
    Loss for Dense Object Detection, ICCV 2017, section 4). ValueError where a number is out of range.
    """

    size: InputSize
    scales_per_octave: int = 3
    anchor_scale: float = 4.0

    offset: ClassVar[float] = 0.5  # of the first location from the edge, in strides

    def __post_init__(self) -> None:
        for name, least in (("size", min(height_width(self.size))), ("scales_per_octave", self.scales_per_octave)):
            if least < 1:
                raise ValueError(f"{name} must be at least 1, got {least}")
        if not self.anchor_scale > 0:
            raise ValueError(f"anchor_scale must be above 0, got {self.anchor_scale}")

    @property
    def shapes(self) -> tuple[Size, ...]:
        """Height and width of each level's feature map; see `level_shapes`."""
        return level_shapes(self.size)

    @property
    def strides(self) -> tuple[Size, ...]:
        """Pixels between two locations of each level, downwards and across."""
        return tuple((stride, stride) for stride in STRIDES)

    @property
    def per_location(self) -> int:
        """Anchors at each location."""
        return self.scales_per_octave * len(ASPECT_RATIOS)

    def __len__(self) -> int:
        return self.per_location * sum(height * width for height, width in self.shapes)

    def boxes(self) -> np.ndarray:
        """All anchors, float32 [A, 4], xyxy in pixels; they reach over the input's edges where they would."""
        levels = []
        for shape, strides, level in zip(self.shapes, self.strides, STRIDES):
            halves = np.tile(self._sizes(level), 2) * [-0.5, -0.5, 0.5, 0.5]
            centres = ((np.arange(side) + self.offset) * stride for side, stride in zip(shape, strides))
            y, x = np.meshgrid(*centres, indexing="ij")
            levels.append((np.stack([x, y, x, y], axis=-1)[:, :, None] + halves).reshape(-1, 4))
        return np.concatenate(levels).astype(np.float32)

    def _sizes(self, stride: int) -> np.ndarray:
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
        for shape, strides, level in zip(self.shapes, self.strides, STRIDES):
            last, across = np.array(shape[::-1]) - 1, np.array(strides[::-1])
            nearest = np.clip(np.floor(middles / across + 0.5 - self.offset), 0, last)
            apart = np.abs((nearest + self.offset) * across - middles)
            for anchor in self._sizes(level):
                shared = np.minimum(np.minimum(anchor, sides), (anchor + sides) / 2 - apart).clip(0).prod(axis=1)
                np.maximum(best, shared / (anchor.prod() + sides.prod(axis=1) - shared), out=best)
        return best
