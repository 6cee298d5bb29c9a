"""The panels of a detector: boxes found beside the true ones."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..colours import class_colours
from ..metrics.matching import Found, Truth
from .precision_recall import precision_recall_figure  # noqa: F401
from .style import INK, LEGEND, frame, new_figure, shortened
from .thresholds import NEAR_ZERO, confidence_figure  # noqa: F401

# More boxes than this are not named one by one.
MOST_NAMED = 15
MOST_IN_LEGEND = 12
# Of what was found in one picture: an untrained model finds a hundred boxes everywhere.
MOST_FOUND = 40
UNCOUNTED = "#8C8C8C"


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
    count = len(images)
    names = names if names is not None else [""] * count
    if not count or not len(truths) == len(founds) == len(names) == count:
        raise ValueError(
            f"pictures of boxes need as many truths, founds and names as images, and one at least; "
            f"got {count}, {len(truths)}, {len(founds)}, {len(names)}"
        )
    shown = [_surest(found, np.broadcast_to(thresholds, len(class_names))) for found in founds]
    groups = 2 if count > 2 else 1
    rows = -(-count // groups)
    aspect = float(np.median([image.shape[0] / image.shape[1] for image in images]))
    side = 2.9
    present = sorted({int(index) for boxes in (*truths, *shown) for index in boxes.classes})
    entries = present[:MOST_IN_LEGEND]
    lines = -(-len(entries) // 6)
    width = groups * 2 * side + (groups - 1) * 0.2 + 0.3
    figure = new_figure(width, rows * side * aspect + 0.35 + 0.25 * lines + (0.3 if title else 0))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    grid = figure.add_gridspec(rows, 3 * groups - 1, width_ratios=([1, 1, 0.06] * groups)[:-1])
    colours = class_colours(len(class_names)) / 255
    for index, (image, truth, found, name) in enumerate(zip(images, truths, shown, names)):
        group, row = divmod(index, rows)
        sides = (
            (truth.boxes, truth.classes, None, truth.ignored),
            (found.boxes, found.classes, found.scores, np.zeros(len(found.boxes), bool)),
        )
        for column, (boxes, classes, scores, uncounted) in enumerate(sides):
            axes = frame(figure.add_subplot(grid[row, 3 * group + column]))
            axes.imshow(image, interpolation="antialiased", aspect="equal")
            _draw_boxes(axes, image.shape[:2], boxes, classes, scores, uncounted, class_names, colours)
            if row == 0:
                axes.set_title(("Truth", "Found")[column], fontsize=10, color=INK, pad=4)
            if column == 0 and name:
                axes.set_ylabel(shortened(str(name)), fontsize=7, color=INK, labelpad=3)
    patches = [Patch(color=colours[index], label=shortened(class_names[index])) for index in entries]
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=-(-len(entries) // lines), **LEGEND)
    return figure


def _surest(found: Found, thresholds: np.ndarray) -> Found:
    """Give the boxes that reach the threshold of their class, surest first, and not too many."""
    order = np.argsort(-found.scores, kind="stable")
    order = order[(found.scores >= thresholds[found.classes])[order]][:MOST_FOUND]
    return Found(found.boxes[order], found.scores[order], found.classes[order])


def _draw_boxes(axes, shape, boxes, classes, scores, uncounted, class_names, colours):
    """Frame boxes; name them, or where there are many, give their scores alone."""
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
