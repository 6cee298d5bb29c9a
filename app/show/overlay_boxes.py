"""Pictures drawn from an image and the boxes found in it: boxes with names, a spotlight on them, everything found.

All views take uint8 [H, W, 3] RGB, `Boxes` in pixels of that image, and the level from which a score counts: a number,
or one for each class. They return new arrays of the same size.
"""

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
    """Boxes found in one picture, surest first.

    Attributes:
        boxes: float32 [n, 4], (x0, y0, x1, y1) in pixels of the picture, x1 and y1 exclusive.
        scores: float32 [n] in [0, 1], falling.
        classes: int32 [n], 0-based.
        class_names: names of the classes, as far as they are known.
        colours: an RGB triple in 0..255 for each class.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    class_names: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()

    def __len__(self) -> int:
        """Count the boxes."""
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
    shown, picture = found.above(levels), image.copy()
    _frame(picture, shown, _line_width(image))
    _label(picture, shown)
    return picture


def spotlight(image: np.ndarray, found: Boxes, levels: Levels) -> np.ndarray:
    """Darken what lies in no box."""
    shown = found.above(levels)
    picture = cv2.convertScaleAbs(image, alpha=BACKGROUND_LIGHT)
    for x0, y0, x1, y1 in _corners(shown.boxes, image.shape):
        picture[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    _frame(picture, shown, max(1, _line_width(image) // 2))
    _label(picture, shown)
    return picture


def raw_boxes(image: np.ndarray, found: Boxes, levels: Levels) -> np.ndarray:
    """Show everything that was found, the surer the brighter; what reaches the level has a name."""
    picture = cv2.convertScaleAbs(image, alpha=BACKGROUND_LIGHT)
    everything = found.where(np.arange(len(found))[:RAW_SHOWN])
    # In the order of the scores and not by them: those of ranking losses may lie close together.
    strength = np.linspace(1.0, 0.25, max(1, len(everything)))
    for index in range(len(everything))[::-1]:
        one = everything.where(np.array([index]))
        colour = tuple(int(strength[index] * part) for part in one.colour(int(one.classes[0])))
        (x0, y0, x1, y1) = _corners(one.boxes, image.shape)[0]
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, 1)
    shown = everything.above(levels)
    _frame(picture, shown, _line_width(image))
    _label(picture, shown)
    return picture


VIEWS: dict[str, Callable[[np.ndarray, Boxes, Levels], np.ndarray]] = {
    "boxes": draw_boxes,
    "spotlight": spotlight,
    "raw": raw_boxes,
}
"""The views by name, in the order in which the demo goes through them."""

TITLES = {"boxes": "boxes", "spotlight": "spotlight", "raw": "everything found"}
"""What they are called on the screen."""


def _line_width(image: np.ndarray) -> int:
    """Choose the frames' width in pixels: 2 at 640x480, more on large pictures."""
    return max(1, round(min(image.shape[:2]) / 220))


def _letter_size(image: np.ndarray) -> int:
    """Choose the letters' height in pixels: 13 at 640x480, more on large pictures."""
    return int(np.clip(round(min(image.shape[:2]) / 36), 10, 40))


def _corners(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Round boxes to whole pixels within the picture, each at least one pixel wide: int [n, 4]."""
    height, width = shape[:2]
    corners = np.rint(boxes).astype(int)
    low = np.clip(corners[:, :2], 0, [width - 1, height - 1])
    return np.concatenate([low, np.clip(corners[:, 2:], low + 1, [width, height])], axis=1)


def _frame(picture: np.ndarray, shown: Boxes, width: int) -> None:
    """Draw frames in place, the surest last."""
    corners = _corners(shown.boxes, picture.shape)
    for (x0, y0, x1, y1), index in zip(corners[::-1], shown.classes[::-1]):
        # A dark rim outside and inside keeps the line apart from bright and from colourful ground.
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), (0, 0, 0), width + 2)
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), shown.colour(int(index)), width)


def _label(picture: np.ndarray, shown: Boxes) -> None:
    """Write the classes and scores in place, the surest first, each where it hides no other label."""
    size, line = _letter_size(picture), _line_width(picture)
    height = round(1.5 * size)
    if picture.shape[0] < 8 * height:  # labels would cover the picture
        return
    taken = np.zeros((0, 4), int)
    corners = _corners(shown.boxes, picture.shape)
    for box, score, index in list(zip(corners, shown.scores, shown.classes))[:LABELS_SHOWN]:
        name = shown.name(int(index))
        for text in (f"{name} {_digits(float(score))}", name):
            width = text_width(text, size, 600) + size
            place = _free_place(box, width, height, line, taken, picture.shape)
            if place is not None:
                x, y = place
                taken = np.vstack([taken, [x, y, x + width, y + height]])
                _tag(picture[y : y + height, x : x + width], text, size, shown.colour(int(index)))
                break


def _free_place(
    box: np.ndarray, width: int, height: int, line: int, taken: np.ndarray, shape: tuple[int, ...]
) -> tuple[int, int] | None:
    """Find where a label of a box hides no other one: above it, in its top, below it, in its bottom; left or right."""
    x0, y0, x1, y1 = box
    rim = line // 2 + 1
    right = max(x0, x1 - width) + rim
    for y in (y0 - height, y0 + rim, y1, y1 - height - rim):
        for x in (x0 - rim, right):
            # At the picture's edge labels are moved into it.
            x = max(0, min(x, shape[1] - width))
            if y < 0 or y + height > shape[0] or width > shape[1]:
                continue
            apart = (
                (taken[:, 0] >= x + width) | (taken[:, 2] <= x) | (taken[:, 1] >= y + height) | (taken[:, 3] <= y)
            )  # fmt: skip
            if apart.all():
                return x, y
    return None


def _tag(panel: np.ndarray, text: str, size: int, colour: Colour) -> None:
    """Write a label on its class's colour, dark or white as can be read on it."""
    panel[:] = colour
    brightness = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    write_text(panel, text, size // 2, size, (0, 0, 0) if brightness > 130 else (255, 255, 255), 600)


def _digits(score: float) -> str:
    """Say a score: two decimals, or two digits where it is small."""
    return f"{score:.2f}" if score >= 0.095 else f"{score:.2g}"
