"""The panels of a detector: boxes found beside the true ones."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..colours import class_colours
from ..metrics.ranking.matching import Found, Truth
from .panels import Look, Picture, panel_grid
from .style import shortened

MOST_NAMED, MOST_SCORES, MOST_IN_LEGEND = 15, 15, 12
MOST_FOUND = 40  # in one picture: an untrained model finds a hundred boxes everywhere
UNCOUNTED = "#8C8C8C"
_LOOK = Look(("Truth", "Found"), side=2.9, most=2, gap=0.06, legend=0.25)


def boxes_figure(
    pictures: Sequence[Picture], class_names: Sequence[str], *, thresholds: float | np.ndarray = 0.5, title: str = ""
) -> Figure:
    """Draw pictures with the true boxes, and with those found that reach the threshold, or their class's of [K]."""
    cuts = np.broadcast_to(thresholds, len(class_names))
    shown = [one._replace(found=_surest(one.found, cuts)) for one in pictures]
    present = sorted({int(index) for one in shown for boxes in one[1:3] for index in boxes.classes})[:MOST_IN_LEGEND]
    colours = class_colours(len(class_names)) / 255
    draw = partial(_draw_boxes, class_names=class_names, colours=colours)
    cells = [[partial(draw, image=one.image, marked=boxes) for boxes in (one.truth, one.found)] for one in shown]
    patches = [Patch(color=colours[index], label=shortened(class_names[index])) for index in present]
    lines = -(-len(present) // 6)
    columns = -(-len(present) // max(1, lines)) or 1
    return panel_grid(_LOOK, shown, cells, patches=patches, legend_columns=columns, title=title)


def _surest(found: Found, thresholds: np.ndarray) -> Found:
    """Give the boxes that reach the threshold of their class, surest first, and not too many."""
    order = np.argsort(-found.scores, kind="stable")
    order = order[(found.scores >= thresholds[found.classes])[order]][:MOST_FOUND]
    return Found(found.boxes[order], found.scores[order], found.classes[order])


def _draw_boxes(
    axes: Axes, image: np.ndarray, marked: Truth | Found, class_names: Sequence[str], colours: np.ndarray
) -> None:
    """Frame boxes in a picture; name them, or where there are many, give the scores of the surest alone."""
    axes.imshow(image, interpolation="antialiased", aspect="equal")
    named = len(marked.boxes) <= MOST_NAMED
    for index, (x0, y0, x1, y1) in enumerate(marked.boxes):
        counts = isinstance(marked, Found) or not marked.ignored[index]
        own = colours[marked.classes[index]]
        colour = own if counts else UNCOUNTED
        corner, size = (x0 - 0.5, y0 - 0.5), (x1 - x0, y1 - y0)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="white", linewidth=2.2, alpha=0.7))
        style = "-" if counts else "--"
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=1.3, linestyle=style))
        words = [shortened(class_names[marked.classes[index]], 16)] if named else []
        words += [_score(marked.scores[index])] if isinstance(marked, Found) and index < MOST_SCORES else []
        if words:
            # Above the box, where there is room: a small object would vanish behind its name.
            place = "bottom" if y0 > 0.06 * len(image) else "top"
            box = {"facecolor": own * 0.75 if counts else UNCOUNTED, "edgecolor": "none", "pad": 0.7}
            text = axes.text(x0, y0, " ".join(words), fontsize=5.5 if named else 4.5, color="white", va=place, bbox=box)
            text.set(clip_on=True, parse_math=False)
    axes.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(len(image) - 0.5, -0.5))


def _score(value: float) -> str:
    """Write a score with two digits: those of ranking losses can all be small."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"
