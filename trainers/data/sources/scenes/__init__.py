"""Embedded data: photo-like pictures drawn from a seed and an index, in which no colour tells objects apart."""

from dataclasses import replace

import cv2
import numpy as np

from ....errors import UsageError
from ...example import Example, Source
from .shapes import SHAPES, fill, outlines, shade
from .textures import TILE, Rng, grain_tile, noise, palette, texture

CLASS_NAMES = ("background", *SHAPES)
"""Class 0 is background; a class map and the classes of boxes that `scene` gives index into this."""

_MOST_OBJECTS = 3

SPLITS = {"train": (2000, 11), "val": (200, 12), "test": (200, 13)}
"""Split -> (pictures, seed). No seed is shared, so no picture is."""

_SHORT_SIDES = (0.75, 0.8, 1.0)
_MIN_VISIBLE = 0.6  # share of an object that must stay visible behind the ones before it


def scene(seed: int, index: int, *, size: int = 256) -> Example:
    """Draw picture `index` of the series `seed`, always the same bytes; `size` is the longer side in pixels."""
    if not 64 <= size <= TILE:
        raise ValueError(f"size must lie in 64..{TILE} pixels, got {size}")
    rng = np.random.default_rng([seed, index])
    short = round(size * float(rng.choice(_SHORT_SIDES)))
    height, width = (short, size) if rng.random() < 0.7 else (size, short)
    colours = palette(rng, 7)
    light = _light(rng)
    picture = _background(rng, height, width, colours, light)
    instances, classes = _objects(rng, picture, colours, light)
    hidden = _occluders(rng, picture, colours)
    instances[hidden > 127] = 0
    image = _photograph(rng, picture)

    present = [number for number in range(1, len(classes) + 1) if (instances == number).any()]
    labels = np.concatenate([[0], classes]).astype(np.uint8)[instances]
    framed = [cv2.boundingRect((instances == number).view(np.uint8)) for number in present]
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in framed], dtype=np.float32).reshape(-1, 4)
    return Example(
        image=image,
        mask=(instances > 0).view(np.uint8),
        labels=labels,
        boxes=boxes,
        classes=np.array([classes[number - 1] for number in present], dtype=np.int32),
        name=f"scene-{seed}-{index:05d}",
    )


def _light(rng: Rng) -> np.ndarray:
    angle, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.1)
    # Light comes more often from above, as outdoors.
    direction = np.array([np.cos(angle), np.sin(angle) - 0.6, 0.0])
    direction *= np.cos(rise) / np.linalg.norm(direction)
    direction[2] = np.sin(rise)
    return direction


def _background(rng: Rng, height: int, width: int, colours: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Ground and wall, large flat structures, small lit clutter; all of it more or less out of focus."""
    picture = texture(rng, height, width, colours)
    coverage = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        coverage[:] = 0
        if rng.random() < 0.6:
            _half_plane(rng, coverage)
        else:
            # A structure as large as an object, yet cut by the border, flat and soft.
            parts, _ = outlines(rng, ("polygon", "blob", "round")[int(rng.integers(3))])
            side = rng.integers(4)
            along = rng.uniform(0, 1)
            centre = np.array([(along, 0), (along, 1), (0, along), (1, along)][side]) * [width, height]
            fill(coverage, parts, 255, centre, rng.uniform(0.2, 0.5) * min(height, width))
        window = _window(coverage)
        _lay(picture[window], texture(rng, *_size(coverage[window]), colours), coverage[window])
    for _ in range(int(rng.integers(1, 4))):
        coverage[:] = 0
        largest = rng.uniform(0.03, 0.075) * min(height, width)
        kind = SHAPES[int(rng.integers(len(SHAPES)))]
        middle, spread = rng.uniform(0, 1, 2), rng.uniform(0.15, 0.6)
        variants = [outlines(rng, kind) for _ in range(4)]
        for number in range(int(rng.integers(6, 22))):
            parts, holes = variants[number % len(variants)]
            centre = (middle + rng.normal(0, spread, 2)) * [width, height]
            radius = largest * rng.uniform(0.35, 1.0)
            fill(coverage, parts, 255, centre, radius)
            fill(coverage, holes, 0, centre, radius)
        _cast_shadow(picture, coverage, light, largest * 0.6, 0.35)
        window = _window(coverage)
        inside = coverage[window]
        layer = texture(rng, *_size(inside), colours, scale=1.5)
        layer *= shade(inside, light, depth=max(3.0, largest * 0.6))[..., None]
        _lay(picture[window], layer, inside)
    lighting = 0.75 + 0.5 * noise(rng, height, width, rng.uniform(0.1, 0.4), tile=3)
    picture *= lighting[..., None]
    blur = rng.uniform(0.3, 3.2) * max(height, width) / 256
    return cv2.GaussianBlur(picture, (0, 0), blur) if blur > 0.5 else picture


def _half_plane(rng: Rng, coverage: np.ndarray) -> None:
    """Fill one side of a wavy or straight line, such as a horizon, a table's edge or a wall's."""
    height, width = coverage.shape
    reach = 2.0 * max(height, width)
    along = np.linspace(-1, 1, 64)
    waves = [rng.normal(0, 0.03 / wave) * np.sin(wave * 9 * along + rng.uniform(0, 6)) for wave in (1, 2, 3)]
    edge = sum(waves, np.zeros(64)) * (rng.random() < 0.6)
    parts = np.concatenate([np.stack([along, edge], -1), [[1, 1], [-1, 1]]])
    turn = rng.choice([0.0, 0.5, 1.0, 1.5]) * np.pi + rng.normal(0, 0.3)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    fill(coverage, [parts @ rotation], 255, rng.uniform(0.15, 0.85, 2) * [width, height], reach)


def _objects(rng: Rng, picture: np.ndarray, colours: np.ndarray, light: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Draw the main objects in place; give the number of the object at each pixel (0 none) and the class of each."""
    height, width = picture.shape[:2]
    short = min(height, width)
    count = int(rng.choice([1, 2, 3], p=[0.58, 0.3, 0.12]))
    instances = np.zeros((height, width), np.uint8)
    classes: list[int] = []
    for _ in range(count):
        kind = int(rng.integers(len(SHAPES)))
        parts, holes = outlines(rng, SHAPES[kind])
        radius = short * rng.uniform(0.2, 0.42) / count**0.35
        for _ in range(8):
            coverage = np.zeros((height, width), np.uint8)
            # A little of an object may leave the picture.
            margin = radius * 0.75
            centre = np.array([rng.uniform(margin, width - margin), rng.uniform(margin, height - margin)])
            fill(coverage, parts, 255, centre, radius)
            fill(coverage, holes, 0, centre, radius)
            covered = coverage > 127
            left = np.bincount(instances[~covered], minlength=len(classes) + 1)
            before = np.bincount(instances.ravel(), minlength=len(classes) + 1)
            if (left[1:] >= _MIN_VISIBLE * before[1:]).all():
                break
        else:
            continue
        classes.append(kind + 1)
        instances[covered] = len(classes)
        _draw_object(rng, picture, coverage, colours, light, radius)
    return instances, classes


def _draw_object(
    rng: Rng, picture: np.ndarray, coverage: np.ndarray, colours: np.ndarray, light: np.ndarray, radius: float
) -> None:
    """Lay one lit, textured solid with its cast shadow into the picture."""
    _cast_shadow(picture, coverage, light, radius * rng.uniform(0.1, 0.35), rng.uniform(0.3, 0.6))
    window = _window(coverage)
    inside = coverage[window]
    h, w = inside.shape
    material = texture(rng, h, w, colours, scale=rng.uniform(0.7, 1.4))
    if rng.random() < 0.45:
        # A second material over part of it: a patch, a lid, a saddle.
        patch = np.zeros((h, w), np.uint8)
        parts, _ = outlines(rng, ("polygon", "blob", "round")[int(rng.integers(3))])
        fill(patch, parts, 255, rng.uniform(0.1, 0.9, 2) * [w, h], radius * rng.uniform(0.3, 0.9))
        _lay(material, texture(rng, h, w, colours, scale=rng.uniform(0.7, 1.6)), patch)
    relief = noise(rng, h, w, rng.uniform(0.6, 1.6)) * np.float32(rng.uniform(0, 14))
    material *= shade(inside, light, relief, depth=radius * rng.uniform(0.25, 0.8))[..., None]
    _lay(picture[window], material, inside)


def _occluders(rng: Rng, picture: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Draw thin things before everything, such as twigs, wires and grass; give what they cover, uint8 [H, W]."""
    height, width = picture.shape[:2]
    coverage = np.zeros((height, width), np.uint8)
    if rng.random() < 0.45:
        return coverage
    unit = max(height, width) / 256
    bundle = rng.random() < 0.4
    root, aim = rng.uniform(0, 1, 2), rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(1, 8))):
        start = root + rng.normal(0, 0.06, 2) if bundle else rng.uniform(0, 1, 2)
        heading = aim + rng.normal(0, 0.25)
        step = np.linspace(-1.2, 1.2, 24)[:, None]
        bend = rng.normal(0, 0.12) * step**2 + rng.normal(0, 0.015) * np.sin(9 * step)
        line = start + step * [np.cos(heading), np.sin(heading)] + bend * [-np.sin(heading), np.cos(heading)]
        points = np.round(line * [width, height] * 16).astype(np.int32)
        cv2.polylines(coverage, [points], False, 255, max(1, round(rng.uniform(1, 3.4) * unit)), cv2.LINE_AA, 4)
    window = _window(coverage)
    layer = texture(rng, *_size(coverage[window]), colours, scale=2.0)
    _lay(picture[window], layer * np.float32(rng.uniform(0.4, 1.1)), coverage[window])
    return coverage


def _photograph(rng: Rng, picture: np.ndarray) -> np.ndarray:
    """Expose the picture: lens blur, vignette, white balance, sensor noise, JPEG compression."""
    height, width = picture.shape[:2]
    blur = rng.uniform(0.0, 0.9) * max(height, width) / 256
    if blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :] ** 2
    exposure = 255 * rng.uniform(0.8, 1.2) * (1 - np.float32(rng.uniform(0, 0.22)) * (rows + columns))
    balance = rng.normal(1, 0.04, 3).astype(np.float32)
    y, x = rng.integers(0, TILE - max(height, width) + 1, 2)
    grain = grain_tile()[y : y + height, x : x + width]
    picture = picture * exposure[..., None] * balance + grain * np.float32(rng.uniform(1, 8))
    image = np.clip(picture, 0, 255).astype(np.uint8)
    quality = int(rng.integers(70, 96))
    packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))


def _cast_shadow(picture: np.ndarray, coverage: np.ndarray, light: np.ndarray, length: float, strength: float) -> None:
    """Darken what lies behind a shape, away from the light, in place."""
    offset = -light[:2] / max(light[2], 0.3) * length
    height, width = coverage.shape
    # Shadows are soft: half the resolution shows no difference.
    half = cv2.resize(coverage, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_LINEAR)
    half = cv2.warpAffine(half, np.array([[1, 0, offset[0] / 2], [0, 1, offset[1] / 2]], np.float32), half.shape[::-1])
    half = cv2.GaussianBlur(half, (0, 0), max(0.6, length * 0.18))
    shadow = cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR)
    picture *= (1 - shadow * np.float32(strength / 255))[..., None]


def _size(picture: np.ndarray) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]


def _window(coverage: np.ndarray) -> tuple[slice, slice]:
    """Find the rows and columns that hold all that is covered; one pixel where nothing is."""
    x, y, w, h = cv2.boundingRect(coverage)
    return slice(y, y + max(h, 1)), slice(x, x + max(w, 1))


def _lay(picture: np.ndarray, layer: np.ndarray, coverage: np.ndarray) -> None:
    """Lay a layer over the picture where it covers, in place."""
    share = (coverage * np.float32(1 / 255))[..., None]
    picture += share * (layer - picture)


class Scenes(Source):
    """The embedded source, longer sides `size` pixels; asked for boxes, classes are the families, without masks."""

    def __init__(self, split: str = "train", *, size: int = 256, needs: str = "mask"):
        if split not in SPLITS:
            raise UsageError(f"scenes has the splits {', '.join(SPLITS)}; got {split!r}")
        count, self.seed = SPLITS[split]
        self.size = size
        self.name = f"scenes:{split}"
        self.names = [f"{split}-{index:05d}" for index in range(count)]
        self._only_boxes = needs == "boxes"
        self.class_names = tuple(SHAPES) if self._only_boxes else CLASS_NAMES
        self.box_bound = _MOST_OBJECTS

    def __len__(self) -> int:
        """Give the number of pictures."""
        return len(self.names)

    def load(self, index: int) -> Example:
        """Draw one picture; see `scene`."""
        example = scene(self.seed, index, size=self.size)
        if self._only_boxes and example.classes is not None:
            return Example(example.image, boxes=example.boxes, classes=example.classes - 1, name=self.names[index])
        return replace(example, name=self.names[index])


def open_scenes(rest: str, needs: str = "mask") -> Source:
    """Open `scenes[:SPLIT]`; every picture has all that can be needed."""
    return Scenes(rest or "train", needs=needs)
