"""New pictures uint8 [H, W, 3] RGB of an image and its `PixelClasses`; less sure ones than the level show none."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .lettering import Colour, text_width, write_text

TINT_STRENGTH = 0.55
UNSURE = 255  # in class maps that are written: no class
LEGEND_SHARE = 0.002  # classes of fewer pixels have no line in the legend
_UNSURE_COLOUR = (120, 120, 120)
_PANEL_LIGHT = 0.3


@dataclass(frozen=True, eq=False)
class PixelClasses:
    """The class of each pixel of a picture."""

    labels: np.ndarray  # uint8 [H, W], index of the likeliest class
    confidence: np.ndarray  # float32 [H, W] in [0, 1], its probability
    class_names: tuple[str, ...]
    colours: tuple[Colour, ...]  # by class

    def shares(self, level: float) -> dict[int, float]:
        """Give the share of the picture that each class has, largest first, of classes that have a pixel."""
        counts = np.bincount(shown_labels(self, level).ravel(), minlength=256)[: len(self.class_names)]
        order = np.argsort(-counts, kind="stable")
        return {int(index): float(counts[index] / self.labels.size) for index in order if counts[index]}


def shown_labels(found: PixelClasses, level: float) -> np.ndarray:
    """Give uint8 [H, W]: the classes, and `UNSURE` where the confidence does not reach the level."""
    if level <= 0:
        return found.labels
    return np.where(found.confidence >= np.float32(level), found.labels, np.uint8(UNSURE))


def draw_classes(image: np.ndarray, found: PixelClasses, level: float) -> np.ndarray:
    """Tint each class in its colour, with thin lines between the classes and a legend; unsure pixels keep their own."""
    labels = shown_labels(found, level)
    picture = cv2.addWeighted(image, 1 - TINT_STRENGTH, _coloured(labels, found), TINT_STRENGTH, 0)
    if level > 0:
        cv2.copyTo(image, (labels == UNSURE).view(np.uint8), picture)
    _edges(picture, labels)
    _legend(picture, found, level)
    return picture


def class_colours_only(image: np.ndarray, found: PixelClasses, level: float) -> np.ndarray:
    """Show the class map by itself, unsure pixels grey, with a legend."""
    picture = _coloured(shown_labels(found, level), found)
    _legend(picture, found, level)
    return picture


def confidence_map(image: np.ndarray, found: PixelClasses, level: float) -> np.ndarray:
    """Show how sure each pixel is of its class, dark to bright, with lines between the classes."""
    shown = cv2.applyColorMap(cv2.convertScaleAbs(found.confidence, alpha=255.0), cv2.COLORMAP_INFERNO)
    picture = cv2.cvtColor(shown, cv2.COLOR_BGR2RGB)
    _edges(picture, shown_labels(found, level))
    return picture


# By name, in the order in which the demo goes through them; and what they are called on the screen.
View = Callable[[np.ndarray, PixelClasses, float], np.ndarray]
VIEWS: dict[str, View] = {"classes": draw_classes, "labels": class_colours_only, "confidence": confidence_map}
TITLES = {"classes": "classes", "labels": "class map", "confidence": "confidence"}


def _coloured(labels: np.ndarray, found: PixelClasses) -> np.ndarray:
    table = np.full((1, 256, 3), _UNSURE_COLOUR, np.uint8)
    table[0, : len(found.colours)] = found.colours
    return cv2.LUT(cv2.merge([labels] * 3), table)


def _edges(picture: np.ndarray, labels: np.ndarray) -> None:
    """Darken the pixels between two classes in place."""
    edge = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
    cv2.copyTo(cv2.convertScaleAbs(picture, alpha=0.45), edge, picture)


def _legend(picture: np.ndarray, found: PixelClasses, level: float) -> None:
    """Name the colours of the classes that are seen, in place, at the left edge, the largest first."""
    height, width = picture.shape[:2]
    size = int(np.clip(round(min(height, width) / 32), 10, 34))
    row, margin = round(1.55 * size), round(0.6 * size)
    # It stays clear of the demo's lines of text above and below.
    top = round(0.11 * height)
    seen = [index for index, share in found.shares(level).items() if share >= LEGEND_SHARE]
    seen = seen[: (height - 2 * top - margin) // row]
    if not seen or width < 12 * size:
        return
    text = [_cut(found.class_names[index], width // 2, size) for index in seen]
    right = 3 * margin + size + max(text_width(line, size) for line in text)
    panel = picture[top : top + row * len(seen) + margin, margin : margin + right]
    np.copyto(panel, cv2.convertScaleAbs(panel, alpha=_PANEL_LIGHT))
    for number, (index, line) in enumerate(zip(seen, text)):
        strip = panel[margin // 2 + number * row : margin // 2 + (number + 1) * row]
        middle = strip.shape[0] // 2
        corners = (margin, middle - size // 2), (margin + size, middle + size // 2)
        cv2.rectangle(strip, *corners, found.colours[index], -1)
        cv2.rectangle(strip, *corners, (255, 255, 255), 1)
        write_text(strip, line, 2 * margin + size, size, (255, 255, 255))


def _cut(name: str, room: int, size: int) -> str:
    while len(name) > 4 and text_width(name, size) > room:
        name = name[:-2] + "…"
    return name
