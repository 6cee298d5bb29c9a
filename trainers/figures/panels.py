"""The grid that the panels of all tasks share: a row for each example, and a heading over each column."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .style import HEADING, INK, LEGEND, frame, new_figure, shortened

Cell = Callable[[Axes], object]  # draws one picture


class Picture(NamedTuple):
    """An example to be shown, in its own size: image uint8 [H, W, 3], truth, what was found, and its name."""

    image: np.ndarray
    truth: Any
    found: Any
    name: str = ""


class Look(NamedTuple):
    """How a grid looks, lengths in inches."""

    headings: tuple[str, ...]  # over the columns of an example
    side: float  # width of a picture
    most: int  # examples below each other; of more, two stand side by side
    gap: float = 0.08  # between these, as a share of a picture's width
    legend: float = 0.22  # height of a line of the legend

    def groups(self, count: int) -> int:
        """Give how many examples stand side by side."""
        return 2 if count > self.most else 1


def panel_grid(
    look: Look,
    pictures: Sequence[Picture],
    cells: Sequence[Sequence[Cell]],
    *,
    patches: Sequence[Patch] = (),
    legend_columns: int = 1,
    title: str = "",
) -> Figure:
    """Draw the cells of each example, as many as there are headings, in a row, its name beside it; patches below."""
    count, width = len(pictures), len(look.headings)
    groups = look.groups(count)
    rows = -(-count // groups)
    aspect = float(np.median([picture.image.shape[0] / picture.image.shape[1] for picture in pictures]))
    lines = -(-len(patches) // legend_columns)
    height = rows * look.side * aspect + 0.35 + look.legend * lines + (0.3 if title else 0)
    figure = new_figure(groups * width * look.side + (groups - 1) * 0.2 + 0.3, height, title)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    ratios = ([1.0] * width + [look.gap]) * groups
    grid = figure.add_gridspec(rows, len(ratios) - 1, width_ratios=ratios[:-1])
    for index, (drawn, picture) in enumerate(zip(cells, pictures, strict=True)):
        group, row = divmod(index, rows)
        for column, draw in enumerate(drawn):
            axes = frame(figure.add_subplot(grid[row, (width + 1) * group + column]))
            draw(axes)
            if row == 0:
                axes.set_title(look.headings[column], **HEADING, pad=4)
            if column == 0 and picture.name:
                axes.set_ylabel(shortened(picture.name), fontsize=7, color=INK, labelpad=3)
    if patches:
        columns = min(legend_columns, len(patches))
        figure.legend(handles=patches, loc="outside lower center", ncols=columns, **LEGEND)
    return figure


def shows(picture: np.ndarray) -> Cell:
    """Give a cell that shows a picture pixel by pixel; a map [H, W] in [0, 1] in shades of grey."""
    return lambda axes: axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
