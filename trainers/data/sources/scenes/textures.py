"""The materials of the made-up scenes: smooth random fields, patterns over them, and colours for both."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

Rng = np.random.Generator

TILE = 512
"""Side of the periodic noise tiles, in pixels."""


@lru_cache(maxsize=1)
def noise_tiles() -> tuple[np.ndarray, ...]:
    """Make the periodic noise of all textures: float32 [2 TILE, 2 TILE] each, mean 0.5, standard deviation 0.2."""
    rng = np.random.default_rng(20190805)
    frequency = np.fft.fftfreq(TILE)
    radius = np.hypot(frequency[:, None], frequency[None, : TILE // 2 + 1])
    radius[0, 0] = 1.0
    tiles = []
    for exponent in (0.9, 1.2, 1.6, 2.0):
        spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) / radius**exponent
        # Waves as long as the tile would make whole pictures light or dark.
        spectrum[radius < 2.5 / TILE] = 0.0
        field = np.fft.irfft2(spectrum)
        tiles.append(np.tile((0.5 + 0.2 * field / field.std()).astype(np.float32), (2, 2)))
    return tuple(tiles)


@lru_cache(maxsize=1)
def grain_tile() -> np.ndarray:
    """Make the sensor noise: float32 [TILE, TILE, 3] of standard deviation 1, correlated as after demosaicing."""
    noise = np.random.default_rng(20190806).standard_normal((TILE, TILE, 3)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (3, 3), 0.6))
    return np.asarray(smooth / smooth.std())


def noise(rng: Rng, height: int, width: int, scale: float, tile: int | None = None) -> np.ndarray:
    """Cut noise, float32 mostly in [0, 1], out of a tile or any; `scale` is tile pixels a picture pixel."""
    tiles = noise_tiles()
    field = tiles[int(rng.integers(len(tiles))) if tile is None else tile]
    rows, columns = (int(np.clip(round(side * scale), 4, TILE)) for side in (height, width))
    y, x = rng.integers(0, TILE, 2)
    # The noise is the same in every direction, so mirrored windows do for turned ones.
    flip = rng.integers(0, 2, 2)
    window = field[y : y + rows, x : x + columns][:: 1 - 2 * flip[0], :: 1 - 2 * flip[1]]
    if (rows, columns) == (height, width):
        return window
    return cv2.resize(np.ascontiguousarray(window), (width, height), interpolation=cv2.INTER_LINEAR)


def palette(rng: Rng, count: int) -> np.ndarray:
    """Draw the colours of one picture, float32 [count, 3] in [0, 1], RGB: a few related hues, mostly muted."""
    hues = (rng.uniform(0, 360) + rng.choice([0.0, 25.0, 150.0, 180.0, 210.0], count) + rng.normal(0, 18, count)) % 360
    saturation = np.clip(rng.beta(1.5, 3.2, count), 0.03, 0.9)
    value = rng.uniform(0.18, 0.95, count)
    hsv = np.stack([hues, saturation, value], axis=-1).astype(np.float32)
    return np.asarray(cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0])


def _stripes(rng: Rng, field: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: float) -> np.ndarray:
    angle = rng.uniform(0, np.pi)
    period = rng.uniform(6, 26) / scale
    phase = (columns * np.cos(angle) + rows * np.sin(angle)) * np.float32(2 * np.pi / period)
    return np.asarray(0.5 + 0.5 * np.sin(phase + rng.uniform(0, 9) * field))


def _checkers(rng: Rng, field: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: float) -> np.ndarray:
    angle = rng.uniform(0, np.pi / 2)
    period = rng.uniform(12, 34) / scale
    u = (columns * np.cos(angle) + rows * np.sin(angle)) * np.float32(2 * np.pi / period) + 2 * field
    v = (rows * np.cos(angle) - columns * np.sin(angle)) * np.float32(2 * np.pi / period)
    return np.asarray(np.clip(0.5 + 3 * np.sin(u) * np.sin(v), 0, 1))


def _blotches(rng: Rng, field: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: float) -> np.ndarray:
    return np.asarray(np.clip((field - rng.uniform(0.35, 0.65)) * rng.uniform(4, 14) + 0.5, 0, 1))


def _gradient(rng: Rng, field: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: float) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    extent = np.float32(max(rows.size, columns.size))
    slope = (columns / extent - 0.5) * np.cos(angle)
    return np.asarray(0.5 + slope + (rows / extent - 0.5) * np.sin(angle) + 0.3 * (field - 0.5))


def _fractal(rng: Rng, field: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: float) -> np.ndarray:
    return field


def _veins(rng: Rng, field: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: float) -> np.ndarray:
    return np.asarray(np.clip(np.abs(field - 0.5) * rng.uniform(5, 9), 0, 1))


Pattern = Callable[[Rng, np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]

PATTERNS: tuple[Pattern, ...] = (
    _fractal, _fractal, _gradient, _gradient, _blotches, _blotches, _veins, _stripes, _checkers,
)  # fmt: skip
"""How a material lays its colours over a noise field; the plain ones are more frequent, as in photos."""


_STEPS = np.linspace(0, 1, 256, dtype=np.float32)[:, None]


def texture(rng: Rng, height: int, width: int, colours: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Paint a material, float32 [height, width, 3] in [0, 1], RGB, with two of the colours float32 [n, 3]."""
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None, :]
    field = noise(rng, height, width, scale * rng.uniform(0.5, 2.0))
    value = pattern(rng, field, rows, columns, scale)
    first, second = colours[rng.choice(len(colours), 2, replace=False)]
    second = first + (second - first) * rng.uniform(0.25, 1.0)
    # Fine grain keeps flat areas from being flat.
    grain = (noise(rng, height, width, 1.0, tile=0) - 0.5) * np.float32(rng.uniform(0.1, 0.6))
    table = ((first + (second - first) * _STEPS) * 255).astype(np.uint8)[:, None, :]
    index = np.clip(value * np.float32(255), 0, 255).astype(np.uint8)
    painted = cv2.applyColorMap(index, table)
    return np.asarray(painted) * ((grain + 1) * np.float32(1 / 255))[..., None]
