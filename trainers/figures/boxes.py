"""The panels of a detector: boxes found beside the true ones."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..colours import class_colours
from ..metrics.matching import Found, Truth
from .panels import Cell, Look, check_panels, panel_grid
from .style import shortened

# More boxes than this are not named one by one.
MOST_NAMED = 15
MOST_IN_LEGEND = 12
# Of what was found in one picture: an untrained model finds a hundred boxes everywhere.
MOST_FOUND = 40
UNCOUNTED = "#8C8C8C"

Marked = tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]
"""Boxes with their classes, their scores if they have any, and which of them do not count."""

_LOOK = Look(("Truth", "Found"), side=2.9, most=2, gap=0.06, legend=0.25)


def boxes_figure(
    images: Sequence[np.ndarray],
    truths: Sequence[Truth],
    founds: Sequence[Found],
    class_names: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    thresholds: float | np.ndarray = 0.5,
    title: str = "",
) -> Figure:
    """Draw pictures twice: with the true boxes, and with those found. Two examples stand side by side from three on.

    Args:
        images: uint8 [H, W, 3] each, RGB.
        truths: the true boxes of each; those that do not count are dashed grey.
        founds: the boxes found in each.
        class_names: names of the classes, by index; a class has one colour everywhere.
        names: written beside each pair.
        thresholds: least score of a found box that is drawn: one number, or one for each class [K]; of a picture's
            boxes at most the 40 surest are.
        title: line above the figure.

    Raises:
        ValueError: no images, or lists of different lengths.
    """
    names = names if names is not None else [""] * len(images)
    check_panels(images, truths, founds, names)
    shown = [_surest(found, np.broadcast_to(thresholds, len(class_names))) for found in founds]
    marked: list[Truth | Found] = [*truths, *shown]
    present = sorted({int(index) for boxes in marked for index in boxes.classes})[:MOST_IN_LEGEND]
    colours = class_colours(len(class_names)) / 255
    cells = []
    for image, truth, found in zip(images, truths, shown, strict=True):
        sides = (
            (truth.boxes, truth.classes, None, truth.ignored),
            (found.boxes, found.classes, found.scores, np.zeros(len(found.boxes), bool)),
        )
        cells.append([_cell(image, boxes, class_names, colours) for boxes in sides])
    patches = [Patch(color=colours[index], label=shortened(class_names[index])) for index in present]
    lines = -(-len(present) // 6)
    columns = -(-len(present) // max(1, lines)) or 1
    return panel_grid(_LOOK, images, cells, names, patches=patches, legend_columns=columns, title=title)


def _cell(image: np.ndarray, boxes: Marked, class_names: Sequence[str], colours: np.ndarray) -> Cell:
    def draw(axes: Axes) -> None:
        axes.imshow(image, interpolation="antialiased", aspect="equal")
        _draw_boxes(axes, image.shape[:2], boxes, class_names, colours)

    return draw


def _surest(found: Found, thresholds: np.ndarray) -> Found:
    """Give the boxes that reach the threshold of their class, surest first, and not too many."""
    order = np.argsort(-found.scores, kind="stable")
    order = order[(found.scores >= thresholds[found.classes])[order]][:MOST_FOUND]
    return Found(found.boxes[order], found.scores[order], found.classes[order])


def _draw_boxes(
    axes: Axes, shape: tuple[int, ...], marked: Marked, class_names: Sequence[str], colours: np.ndarray
) -> None:
    """Frame boxes; name them, or where there are many, give their scores alone."""
    boxes, classes, scores, uncounted = marked
    named = len(boxes) <= MOST_NAMED
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        colour = UNCOUNTED if uncounted[index] else colours[classes[index]]
        corner, size = (x0 - 0.5, y0 - 0.5), (x1 - x0, y1 - y0)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="white", linewidth=2.2, alpha=0.7))
        style = "--" if uncounted[index] else "-"
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=1.3, linestyle=style))
        words = [shortened(class_names[classes[index]], 16)] if named else []
        words += [_score(scores[index])] if scores is not None else []
        if words:
            axes.text(
                x0,
                y0,
                " ".join(words),
                fontsize=5.5 if named else 4.5,
                color="white",
                # Above the box, where there is room: a small object would vanish behind its name.
                va="bottom" if y0 > 0.06 * shape[0] else "top",
                clip_on=True,
                parse_math=False,
                bbox={
                    "facecolor": UNCOUNTED if uncounted[index] else colours[classes[index]] * 0.75,
                    "edgecolor": "none",
                    "pad": 0.7,
                },
            )
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))


def _score(value: float) -> str:
    """Write a score with two digits: those of ranking losses can all be small."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"
