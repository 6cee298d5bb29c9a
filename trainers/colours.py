"""The colours of classes, the same in contact sheets, figures, TensorBoard and the demo."""

import functools
from collections.abc import Sequence

import numpy as np

BACKGROUND = (33, 33, 38)  # nearly black, for what is no object
FIRST = (220, 50, 60)
_TAKEN = (BACKGROUND, (120, 120, 120), (255, 255, 255))  # what shows no class, an unsure or an ignored one
_WEIGHTS = np.array([[0.6], [1.0], [1.0]])  # usual vision can ask for more distance than colour-blind

# How colours look to people with deuteranopia and protanopia, in linear RGB (Machado, Oliveira and Fernandes 2009).
_COLOUR_BLIND = (
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
)
_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE_POINT = (0.95047, 1.0, 1.08883)


def class_colours(count: int) -> np.ndarray:
    """Give RGB colours that are easy to tell apart, by colour-blind people too, uint8 [count, 3]; again after 256."""
    return np.resize(_palette(), (count, 3))


@functools.lru_cache(maxsize=1)
def _palette() -> np.ndarray:
    """Choose 256 colours one by one, each the farthest from those before."""
    steps = np.arange(0, 256, 17)
    candidates = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.uint8)
    seen = _as_seen(candidates)
    lightness, chroma = seen[0, :, 0], np.hypot(seen[0, :, 1], seen[0, :, 2])
    vivid = (lightness > 35) & (lightness < 90) & (chroma > 35)
    candidates, seen = candidates[vivid], seen[:, vivid]
    chosen = [np.array(FIRST, np.uint8)]
    distance = np.full(len(candidates), np.inf)
    for colour in (*_TAKEN, FIRST):
        distance = np.minimum(distance, _apart(seen, _as_seen(np.array([colour]))))
    while len(chosen) < 256:
        farthest = int(distance.argmax())
        chosen.append(candidates[farthest])
        distance = np.minimum(distance, _apart(seen, seen[:, farthest : farthest + 1]))
    return np.stack(chosen)


def _apart(seen: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Give the distances of colours from another, in the vision that has most trouble with the two."""
    return (_WEIGHTS * np.linalg.norm(seen - other, axis=-1)).min(axis=0)


def _as_seen(colours: np.ndarray) -> np.ndarray:
    """Give CIELAB coordinates as seen with usual vision, deuteranopia and protanopia: float64 [3, n, 3]."""
    values = colours / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    visions = np.stack([linear, *(np.clip(linear @ np.transpose(one), 0, 1) for one in _COLOUR_BLIND)])
    ratios = visions @ np.transpose(_TO_XYZ) / _WHITE_POINT
    x, y, z = np.moveaxis(np.where(ratios > 0.008856, np.cbrt(ratios), 7.787 * ratios + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def class_palette(class_names: Sequence[str]) -> np.ndarray:
    """Give the colours of a class map's classes, uint8 [n, 3]: nearly black for a first class called background."""
    palette = class_colours(len(class_names))
    if class_names and class_names[0] == "background":
        palette[0] = BACKGROUND
    return palette


def hexadecimal_palette(class_names: Sequence[str]) -> dict[str, str]:
    """Give the palette as `#rrggbb` by name."""
    return {name: "#{:02x}{:02x}{:02x}".format(*rgb) for name, rgb in zip(class_names, class_palette(class_names))}
