"""The objects of the made-up scenes: outlines of several families, and how light falls on them."""

import cv2
import numpy as np
from numpy.typing import ArrayLike

SHAPES = ("round", "polygon", "blob", "star", "ring", "cross", "animal")
"""The families, in the order of their classes: the class of a shape is its place here plus 1."""

Rng = np.random.Generator
_SHIFT = 4  # fractional bits of the coordinates handed to OpenCV
_HALF_TURN = np.linspace(np.pi / 2, 3 * np.pi / 2, 9)


def _polar(radius: np.ndarray | float, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def _angles(count: int) -> np.ndarray:
    return np.linspace(0, 2 * np.pi, count, endpoint=False)


def _round(rng: Rng) -> np.ndarray:
    angle, exponent = _angles(72), rng.uniform(1.7, 4.0)
    radius = (np.abs(np.cos(angle)) ** exponent + np.abs(np.sin(angle)) ** exponent) ** (-1 / exponent)
    return _polar(radius, angle) * [1.0, rng.uniform(0.5, 1.0)]


def _polygon(rng: Rng) -> np.ndarray:
    count = int(rng.integers(3, 8))
    angle = _angles(count) + rng.uniform(-0.35, 0.35, count) * 2 * np.pi / count
    return _polar(rng.uniform(0.75, 1.05, count), angle) * [1.0, rng.uniform(0.65, 1.0)]


def _blob(rng: Rng) -> np.ndarray:
    angle = _angles(96)
    radius = np.ones_like(angle)
    for wave in range(2, 8):
        radius += rng.normal(0, 0.42 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.3, 1.8)
    return _polar(radius / radius.max() * 1.1, angle)


def _star(rng: Rng) -> np.ndarray:
    points = int(rng.integers(4, 9))
    inner = rng.uniform(0.38, 0.62)
    radius = np.where(np.arange(2 * points) % 2, inner, rng.uniform(0.85, 1.1, 2 * points))
    return _polar(radius, _angles(2 * points))


def _cross(rng: Rng) -> np.ndarray:
    a, b = rng.uniform(0.22, 0.42, 2)
    arm = rng.uniform(0.7, 1.0)
    upper = np.array([(-1, a), (-1, -a), (-b, -a), (-b, -arm), (b, -arm), (b, -a)])
    return np.concatenate([upper, -upper])


def _capsule(start: ArrayLike, end: ArrayLike, first: float, second: float) -> np.ndarray:
    """Outline of a limb from one point to another, with a radius at each end."""
    root, tip = np.asarray(start, float), np.asarray(end, float)
    heading = np.arctan2(*(tip - root)[::-1])
    cap = _polar(1.0, heading + _HALF_TURN)
    return np.concatenate([root + first * cap, tip - second * cap])


def _animal(rng: Rng) -> list[np.ndarray]:
    """Body, head, ears, legs and tail as overlapping outlines."""
    length, girth = rng.uniform(0.55, 0.75), rng.uniform(0.26, 0.42)
    angle = _angles(48)
    wobble = 1 + 0.08 * np.cos(2 * angle + rng.uniform(0, 6)) + 0.06 * np.cos(3 * angle + rng.uniform(0, 6))
    parts = [_polar(wobble, angle) * [length, girth]]
    head = np.array([length * rng.uniform(0.85, 1.1), -rng.uniform(0.15, 0.6)])
    size = rng.uniform(0.17, 0.27)
    parts.append(_capsule((length * 0.6, -girth * 0.3), head, girth * 0.6, size * 0.8))
    parts.append(head + _polar(np.full(24, size), _angles(24)) * [1.25, 0.9])
    for side in (-0.5, 0.35):
        root = head + [size * side, -size * 0.6]
        tip = root + [size * rng.uniform(-0.6, 0.3), -size * rng.uniform(0.5, 1.4)]
        parts.append(_capsule(root, tip, size * 0.33, 0.04))
    reach, thickness = girth + rng.uniform(0.2, 0.55), rng.uniform(0.06, 0.12)
    for place in (-0.75, -0.5, 0.4, 0.65)[:: int(rng.integers(1, 3))]:
        root = np.array([length * place, girth * 0.4])
        parts.append(_capsule(root, [root[0] + rng.uniform(-0.15, 0.15), reach], thickness * 1.3, thickness * 0.8))
    root = np.array([-length * 0.85, -girth * 0.2])
    tip = root + [-rng.uniform(0.15, 0.5), rng.uniform(-0.5, 0.35)]
    parts.append(_capsule(root, tip, rng.uniform(0.07, 0.13), 0.04))
    flip = [rng.choice([-1.0, 1.0]), 1.0]
    return [part * flip for part in parts]


_OUTLINES = {"round": _round, "ring": _round, "polygon": _polygon, "blob": _blob, "star": _star, "cross": _cross}


def outlines(rng: Rng, shape: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Draw a shape about 2 units wide: the outlines to fill and those to cut out again, float64 [points, 2], y down."""
    holes = []
    if shape == "animal":
        filled, turn = _animal(rng), rng.normal(0, 0.25)
    else:
        filled, turn = [_OUTLINES[shape](rng)], rng.uniform(0, 2 * np.pi)
        if shape == "ring":
            holes = [filled[0] * rng.uniform(0.35, 0.6)]
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return [part @ rotation for part in filled], [hole @ rotation for hole in holes]


def fill(canvas: np.ndarray, parts: list[np.ndarray], value: int, centre: ArrayLike, radius: float) -> None:
    """Fill outlines into a canvas uint8 [H, W] with smooth edges, their origin at `centre`, `radius` pixels a unit."""
    for part in parts:
        points = np.round((np.asarray(centre) + part * radius) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(canvas, [points], value, lineType=cv2.LINE_AA, shift=_SHIFT)


def shade(coverage: np.ndarray, light: np.ndarray, relief: np.ndarray | None = None, depth: float = 24.0) -> np.ndarray:
    """Light a flat outline as if it were a rounded solid: float32 [h, w], a factor around 1 for the colours.

    From coverage uint8 [h, w], 255 inside; the unit vector float [3] towards the light, x right, y down, z to the
    viewer; bumps float32 [h, w] and the depth from the edge at which the surface becomes flat, both in pixels.
    """
    inside = (coverage > 127).view(np.uint8)
    distance = np.minimum(cv2.distanceTransform(inside, cv2.DIST_L2, 3) * np.float32(1 / depth), 1)
    height = np.sqrt(distance * (2 - distance)) * np.float32(depth * 0.8)
    if relief is not None:
        height += relief
    height = cv2.GaussianBlur(height, (0, 0), 1.5)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125)
    x, y, z = np.asarray(light, np.float32)
    facing = np.maximum(z - slope_x * x - slope_y * y, 0) / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    gloss = np.square(np.square(np.square(np.square(facing))))
    return np.asarray(0.35 + 0.85 * facing + 0.25 * gloss)
