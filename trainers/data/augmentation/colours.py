"""Varied colours, which every kind of target shares: exposure, contrast, saturation and hue as one affine map."""

import numpy as np

from .settings import ColourSettings

Rng = np.random.Generator

# Luma and chroma (YIQ): hue turns the chroma plane, saturation scales it.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


def colour_matrix(rng: Rng, settings: ColourSettings) -> np.ndarray:
    """Draw a change of exposure, contrast, saturation and hue as an affine map of RGB in 0..255, float64 [3, 4]."""
    strengths = np.array([settings.brightness, settings.contrast, settings.saturation])
    exposure, contrast, saturation = 1 + rng.uniform(-strengths, strengths)
    turn = 2 * np.pi * rng.uniform(-settings.hue, settings.hue)
    c, s = saturation * np.cos(turn), saturation * np.sin(turn)
    colour = _RGB @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ _YIQ
    middle = np.full((3, 1), 127.5 * (1 - contrast))
    affine: np.ndarray = exposure * np.concatenate([contrast * colour, middle], axis=1)
    return affine
