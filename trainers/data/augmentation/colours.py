"""Varied colours, which every kind of target shares: exposure, contrast, saturation and hue as one affine map."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import UsageError

# Luma and chroma (YIQ): hue turns the chroma plane, saturation scales it.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


@dataclass(frozen=True)
class ColourSettings:
    """How strongly colours are varied; what every augmentation has."""

    RANGES: ClassVar[tuple[tuple[str, float, float], ...]] = (
        ("brightness", 0, 0.99), ("contrast", 0, 0.99), ("saturation", 0, 1), ("hue", 0, 0.5),
    )  # fmt: skip
    """Name, lowest and highest value of every number; subclasses add theirs."""

    brightness: float = 0.2
    """Largest relative change of exposure, in [0, 1)."""
    contrast: float = 0.2
    """Largest relative change of contrast, in [0, 1)."""
    saturation: float = 0.3
    """Largest relative change of colour strength, in [0, 1]."""
    hue: float = 0.03
    """Largest turn of the colour circle, as a share of it, in [0, 0.5]."""

    def __post_init__(self) -> None:
        for name, low, high in self.RANGES:
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} must lie in {low}..{high}, got {getattr(self, name)}")

    @property
    def recolours(self) -> bool:
        """Whether any colour is varied."""
        return bool(self.brightness or self.contrast or self.saturation or self.hue)


def colour_matrix(rng: np.random.Generator, settings: ColourSettings) -> np.ndarray:
    """Draw a change of exposure, contrast, saturation and hue as an affine map of RGB in 0..255, float64 [3, 4]."""
    strengths = np.array([settings.brightness, settings.contrast, settings.saturation])
    exposure, contrast, saturation = 1 + rng.uniform(-strengths, strengths)
    turn = 2 * np.pi * rng.uniform(-settings.hue, settings.hue)
    c, s = saturation * np.cos(turn), saturation * np.sin(turn)
    colour = _RGB @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ _YIQ
    middle = np.full((3, 1), 127.5 * (1 - contrast))
    return exposure * np.concatenate([contrast * colour, middle], axis=1)
