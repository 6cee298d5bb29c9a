"""`clips:SOURCE` and `views:SOURCE`: each picture of another source as a clip whose motion is known."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ..example import ClipFrame, Example, Source
from ..names import Names

FRAMES = 16
"""Of each clip."""
LONGEST = 640
"""Pixels along the longer side: larger pictures are made smaller first."""

Camera = Callable[[np.random.Generator, tuple[int, int]], list[np.ndarray]]
"""From a picture's (height, width) to what leads from places in each frame to places in the picture, float64 [3, 3]."""


@dataclass(frozen=True)
class Way:
    """How the frames of a clip are taken: the camera, which share of the picture each shows, and the noise."""

    camera: Camera
    shown: Callable[[tuple[int, int]], tuple[int, int]]
    noise: tuple[float, float]  # standard deviation in grey levels, drawn between these for each clip
    exposure: float  # standard deviation of the brightness from frame to frame


def _window(size: tuple[int, int]) -> tuple[int, int]:
    return max(1, round(0.7 * size[0])), max(1, round(0.7 * size[1]))


def _inner(size: tuple[int, int]) -> tuple[int, int]:
    return max(1, size[0] - 2 * _margin(size)), max(1, size[1] - 2 * _margin(size))


def _margin(size: tuple[int, int]) -> int:
    return min(4, min(size) // 8)


def _journey(rng: np.random.Generator, size: tuple[int, int]) -> list[np.ndarray]:
    """Go along, nearer or farther, and turn a little, evenly, within the picture."""
    height, width = _window(size)
    zooms, turns = (
        np.linspace(rng.uniform(-most, most), rng.uniform(-most, most), FRAMES) for most in (0.15, np.deg2rad(3))
    )
    # What the corners of a frame can reach at most stays within the picture.
    reach = np.hypot(height, width) * np.sin(np.deg2rad(3)) + 0.5 * 1.15 * np.array([width, height])
    room = np.maximum(0, np.array([size[1] - 1, size[0] - 1]) / 2 - reach)
    heading, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0, 3)  # pixels a frame
    whole = np.array([np.cos(heading), np.sin(heading)]) * speed * (FRAMES - 1)
    start = rng.uniform(-1, 1, 2) * room
    end = np.clip(start + whole, -room, room)
    centres = np.array([size[1] - 1, size[0] - 1]) / 2 + np.linspace(start, end, FRAMES)
    return [_seen_from(*taken, (height, width)) for taken in zip(centres, 1 + zooms, turns)]


def _trembling(rng: np.random.Generator, size: tuple[int, int]) -> list[np.ndarray]:
    """Stay, up to three pixels off to each side."""
    centre = np.array([size[1] - 1, size[0] - 1]) / 2
    most = 0.75 * _margin(size)
    return [_seen_from(centre + rng.uniform(-most, most, 2), 1.0, 0.0, _inner(size)) for _ in range(FRAMES)]


def _seen_from(centre: np.ndarray, zoom: float, turn: float, frame: tuple[int, int]) -> np.ndarray:
    """Give what leads from a frame (height, width) into the picture, of which it shows what is around a centre."""
    across, down = zoom * np.cos(turn), zoom * np.sin(turn)
    middle = np.array([frame[1] - 1, frame[0] - 1]) / 2
    linear = np.array([[across, -down], [down, across]])
    placed = np.eye(3)
    placed[:2, :2], placed[:2, 2] = linear, centre - linear @ middle
    return placed


CLIPS = Way(_journey, _window, (2.0, 6.0), 0.01)
"""A camera that goes along a picture."""
VIEWS = Way(_trembling, _inner, (6.0, 6.0), 0.0)
"""Noisy views of a still picture, each shifted a little."""


class Clips(Source):
    """Each picture of a source as a clip of `FRAMES` frames, with its mask or labels and the motion between them.

    Nothing in a picture moves by itself: the camera does. What a picture is of is not hidden and does not appear but at
    the edges.
    """

    def __init__(self, source: Source, way: Way, name: str):
        self.source, self.way, self.name = source, way, name
        self.class_names, self.ignores = source.class_names, source.ignores
        self.structural_faults, self.repaired, self.notes = source.structural_faults, source.repaired, source.notes
        self.recognised, self.since, self.left_out = source.recognised, source.since, source.left_out
        self.names = Names(f"{name}-{number:02d}" for name in source.names for number in range(FRAMES))
        self._held: tuple[int, Example] | None = None

    def __len__(self) -> int:
        return FRAMES * len(self.source)

    def partner_name(self, index: int) -> str:
        """As the source has it."""
        return self.source.partner_name(index // FRAMES)

    def doubts(self) -> tuple[str, ...]:
        """As the source has them."""
        return tuple(self.source.doubts())

    def load(self, index: int) -> Example:
        """Take one frame, the same bytes every time."""
        index = range(len(self))[index]
        place, number = divmod(index, FRAMES)
        picture = self._picture(place)
        size = (picture.image.shape[0], picture.image.shape[1])
        rng = np.random.default_rng([place, *size])
        placed, noise = self.way.camera(rng, size), rng.uniform(*self.way.noise)
        shape = self.way.shown(size)
        image = _taken(picture.image, placed[number], shape, cv2.INTER_LINEAR)
        mask, labels = (
            None if part is None else _taken(part, placed[number], shape, cv2.INTER_NEAREST)
            for part in (picture.mask, picture.labels)
        )
        return Example(
            image=_photographed(image, noise, self.way.exposure, np.random.default_rng([place, number, *size])),
            mask=mask,
            labels=labels,
            name=self.names[index],
            repairs=picture.repairs,
            adapted=picture.adapted,
            frame=ClipFrame(picture.name, number, _motion(placed, number, shape)),
        )

    def _picture(self, place: int) -> Example:
        """Load a picture; the last one is kept, as its frames are asked for one after the other."""
        held = self._held
        if held is None or held[0] != place:
            self._held = held = place, _made_smaller(self.source.load(place))
        return held[1]


def open_clips(source: Source, text: str) -> Source:
    """Open `clips:SOURCE`, of the source behind the colon."""
    return Clips(source, CLIPS, text)


def open_views(source: Source, text: str) -> Source:
    """Open `views:SOURCE`, of the source behind the colon."""
    return Clips(source, VIEWS, text)


def _made_smaller(example: Example) -> Example:
    scale = min(1.0, LONGEST / max(example.size))
    size = max(1, round(scale * example.size[1])), max(1, round(scale * example.size[0]))
    image = example.image
    if image.shape[1::-1] != size:
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    mask, labels = (
        part
        if part is None or part.shape[::-1] == size
        else cv2.resize(part, size, interpolation=cv2.INTER_NEAREST_EXACT)
        for part in (example.mask, example.labels)
    )
    return Example(image, mask, labels, name=example.name, repairs=example.repairs, adapted=example.adapted)


def _taken(values: np.ndarray, placed: np.ndarray, shape: tuple[int, int], way: int) -> np.ndarray:
    flags = way | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(values, placed[:2], shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _photographed(image: np.ndarray, noise: float, exposure: float, rng: np.random.Generator) -> np.ndarray:
    grain = rng.standard_normal(image.shape, np.float32) * np.float32(noise)
    lit = image * np.float32(1 + exposure * rng.standard_normal())
    return np.asarray((lit + grain + 0.5).clip(0, 255).astype(np.uint8))


def _motion(placed: list[np.ndarray], number: int, shape: tuple[int, int]) -> np.ndarray:
    """Give where each pixel of a frame was in the one before it, less where it is: float32 [H, W, 2]."""
    if number == 0:
        return np.full((*shape, 2), np.nan, np.float32)
    moved = np.linalg.inv(placed[number - 1]) @ placed[number] - np.eye(3)
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    places = np.stack([columns, rows], axis=-1)
    return np.asarray(places @ moved[:2, :2].T + moved[:2, 2], np.float32)
