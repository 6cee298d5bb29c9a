"""The boxes that a RetinaNet starts from: a grid of them on every level of the feature pyramid."""

from dataclasses import dataclass

import numpy as np

STRIDES = (8, 16, 32, 64, 128)  # pixels between two locations of the levels P3 to P7
ASPECT_RATIOS = (0.5, 1.0, 2.0)  # width over height


@dataclass(frozen=True)
class AnchorGrid:
    """Anchors of a square input, in the order of the network's outputs: level, row, column, anchor.

    The square ones measure anchor_scale * stride * 2^(k / scales_per_octave) pixels for k = 0, 1 ... (Lin et al., Focal
    Loss for Dense Object Detection, ICCV 2017, section 4). ValueError where a number is out of range.
    """

    size: int
    scales_per_octave: int = 3
    anchor_scale: float = 4.0

    def __post_init__(self) -> None:
        for name, least in (("size", 1), ("scales_per_octave", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not self.anchor_scale > 0:
            raise ValueError(f"anchor_scale must be above 0, got {self.anchor_scale}")

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of each level's feature map: size / stride, rounded up as convolutions with padding "same" do."""
        return tuple(-(-self.size // stride) for stride in STRIDES)

    @property
    def per_location(self) -> int:
        """Anchors at each location."""
        return self.scales_per_octave * len(ASPECT_RATIOS)

    def __len__(self) -> int:
        return self.per_location * sum(side * side for side in self.sides)

    def boxes(self) -> np.ndarray:
        """All anchors, float32 [A, 4], xyxy in pixels; they reach over the input's edges where they would."""
        scales = 2.0 ** (np.arange(self.scales_per_octave) / self.scales_per_octave)
        levels = []
        for side, stride in zip(self.sides, STRIDES):
            sizes = (self.anchor_scale * stride * scales)[:, None]
            # Equal areas for all ratios of a scale.
            widths = (sizes * np.sqrt(ASPECT_RATIOS)).ravel()
            heights = (sizes / np.sqrt(ASPECT_RATIOS)).ravel()
            halves = np.stack([widths, heights, widths, heights], axis=-1) * [-0.5, -0.5, 0.5, 0.5]
            centres = (np.arange(side) + 0.5) * stride
            y, x = np.meshgrid(centres, centres, indexing="ij")
            levels.append((np.stack([x, y, x, y], axis=-1)[:, :, None] + halves).reshape(-1, 4))
        return np.concatenate(levels).astype(np.float32)
