"""New pictures uint8 [H, W, 3] RGB of an image and its `Boxes`, in its pixels, that reach a level, or one by class."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np

from .lettering import Colour, text_width, write_text
from .threshold import Levels

BACKGROUND_LIGHT = 0.4
RAW_SHOWN = 100
LABELS_SHOWN = 60
"""A crowd of labels hides more than it says: the surest boxes have theirs."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes found in one picture, surest first."""

    boxes: np.ndarray  # float32 [n, 4], (x0, y0, x1, y1) in pixels of the picture, x1 and y1 exclusive
    scores: np.ndarray  # float32 [n] in [0, 1], falling
    classes: np.ndarray  # int32 [n], 0-based
    class_names: tuple[str, ...] = ()  # as far as they are known
    colours: tuple[Colour, ...] = ()  # by class

    def __len__(self) -> int:
        return len(self.scores)

    def name(self, index: int) -> str:
        """Name a class."""
        return self.class_names[index] if index < len(self.class_names) else f"class {index}"

    def colour(self, index: int) -> Colour:
        """Give a class's colour, the same in every picture."""
        return self.colours[index % len(self.colours)] if self.colours else (255, 64, 96)

    def where(self, chosen: np.ndarray) -> Self:
        """Take some of the boxes: a mask or indices [n]."""
        return replace(self, boxes=self.boxes[chosen], scores=self.scores[chosen], classes=self.classes[chosen])

    def above(self, levels: float | np.ndarray) -> Self:
        """Take the boxes whose score reaches the level, or that of their class."""
        if np.ndim(levels):
            levels = np.asarray(levels)[self.classes]
        # In the scores' own precision: a threshold is one of them, and must let it pass.
        return self.where(self.scores >= np.asarray(levels, np.float32))


def draw_boxes(image: np.ndarray, found: Boxes, levels: Levels) -> np.ndarray:
    """Frame the boxes in the colours of their classes, and write class and score at them."""
    return _annotated(image.copy(), found.above(levels), _line_width(image))


def frame_objects(picture: np.ndarray, objects: Boxes) -> np.ndarray:
    """Frame objects over a picture that is drawn already, with class and score; gives a new one."""
    return _annotated(picture.copy(), objects, max(2, _line_width(picture)))


def spotlight(image: np.ndarray, found: Boxes, levels: Levels) -> np.ndarray:
    """Darken what lies in no box."""
    shown = found.above(levels)
    picture = cv2.convertScaleAbs(image, alpha=BACKGROUND_LIGHT)
    for x0, y0, x1, y1 in _corners(shown.boxes, image.shape):
        picture[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    return _annotated(picture, shown, max(1, _line_width(image) // 2))


def raw_boxes(image: np.ndarray, found: Boxes, levels: Levels) -> np.ndarray:
    """Show everything that was found, the surer the brighter; what reaches the level has a name."""
    picture = cv2.convertScaleAbs(image, alpha=BACKGROUND_LIGHT)
    everything = found.where(np.arange(len(found))[:RAW_SHOWN])
    # In the order of the scores and not by them: those of ranking losses may lie close together.
    strengths, corners = np.linspace(1.0, 0.25, max(1, len(everything))), _corners(everything.boxes, image.shape)
    for strength, (x0, y0, x1, y1), index in list(zip(strengths, corners, everything.classes))[::-1]:
        colour = [int(strength * part) for part in everything.colour(int(index))]
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, 1)
    return _annotated(picture, everything.above(levels), _line_width(image))


# By name, in the order in which the demo goes through them; and what they are called on the screen.
View = Callable[[np.ndarray, Boxes, Levels], np.ndarray]
VIEWS: dict[str, View] = {"boxes": draw_boxes, "spotlight": spotlight, "raw": raw_boxes}
TITLES = {"boxes": "boxes", "spotlight": "spotlight", "raw": "everything found"}


def _line_width(image: np.ndarray) -> int:
    """Choose the frames' width in pixels: 2 at 640x480, more on large pictures."""
    return max(1, round(min(image.shape[:2]) / 220))


def _corners(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Round boxes to whole pixels within the picture, each at least one pixel wide: int [n, 4]."""
    height, width = shape[:2]
    corners = np.rint(boxes).astype(int)
    low = np.clip(corners[:, :2], 0, [width - 1, height - 1])
    return np.concatenate([low, np.clip(corners[:, 2:], low + 1, [width, height])], axis=1)


def _annotated(picture: np.ndarray, shown: Boxes, width: int) -> np.ndarray:
    """Draw frames in place, the surest last, and labels; gives the picture."""
    corners = _corners(shown.boxes, picture.shape)
    for (x0, y0, x1, y1), index in zip(corners[::-1], shown.classes[::-1]):
        # A dark rim outside and inside keeps the line apart from bright and from colourful ground.
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), (0, 0, 0), width + 2)
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), shown.colour(int(index)), width)
    _label(picture, shown, corners)
    return picture


def _label(picture: np.ndarray, shown: Boxes, corners: np.ndarray) -> None:
    """Write the classes and scores in place, the surest first, each where it hides no other label."""
    size = int(np.clip(round(min(picture.shape[:2]) / 36), 10, 40))
    height = round(1.5 * size)
    if picture.shape[0] < 8 * height:  # labels would cover the picture
        return
    taken = np.zeros((0, 4), int)
    for box, score, index in list(zip(corners, shown.scores.tolist(), shown.classes.tolist()))[:LABELS_SHOWN]:
        name = shown.name(index)
        # Two decimals, or two digits where it is small.
        for text in (f"{name} {score:.2f}" if score >= 0.095 else f"{name} {score:.2g}", name):
            width = text_width(text, size, 600) + size
            place = _free_place(box, width, height, taken, picture)
            if place is not None:
                x, y = place
                taken = np.vstack([taken, [x, y, x + width, y + height]])
                _tag(picture[y : y + height, x : x + width], text, size, shown.colour(index))
                break


def _free_place(
    box: np.ndarray, width: int, height: int, taken: np.ndarray, picture: np.ndarray
) -> tuple[int, int] | None:
    """Find where a label of a box hides no other one: above it, in its top, below it, in its bottom; left or right."""
    x0, y0, x1, y1 = box
    rim = _line_width(picture) // 2 + 1
    for y in (y0 - height, y0 + rim, y1, y1 - height - rim):
        for x in (x0 - rim, max(x0, x1 - width) + rim):
            # At the picture's edge labels are moved into it.
            x = max(0, min(x, picture.shape[1] - width))
            if y < 0 or y + height > picture.shape[0] or width > picture.shape[1]:
                continue
            low, high = taken[:, :2], taken[:, 2:]
            if ((low >= (x + width, y + height)) | (high <= (x, y))).any(axis=1).all():
                return x, y
    return None


def _tag(panel: np.ndarray, text: str, size: int, colour: Colour) -> None:
    """Write a label on its class's colour, dark or white as can be read on it."""
    panel[:] = colour
    brightness = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    write_text(panel, text, size // 2, size, (0, 0, 0) if brightness > 130 else (255, 255, 255), 600)
