"""The grid that the panels of all tasks share: a row for each example, and a heading over each column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .style import HEADING, INK, LEGEND, frame, new_figure, shortened

Cell = Callable[[Axes], object]
"""Draws one picture."""


@dataclass(frozen=True)
class Look:
    """How a grid looks.

    Attributes:
        headings: over the columns of an example.
        side: width of a picture, in inches.
        most: examples below each other; of more, two stand side by side.
        gap: between these, as a share of a picture's width.
        legend: height of a line of the legend, in inches.
    """

    headings: tuple[str, ...]
    side: float
    most: int
    gap: float = 0.08
    legend: float = 0.22

    def groups(self, count: int) -> int:
        """Give how many examples stand side by side."""
        return 2 if count > self.most else 1


def check_panels(images: Sequence[np.ndarray], *others: Sequence[object]) -> None:
    """Refuse panels without pictures, or with lists of different lengths.

    Raises:
        ValueError: they do not belong together.
    """
    lengths = [len(images), *map(len, others)]
    if not images or len(set(lengths)) > 1:
        raise ValueError(
            "panels need as many true things, predictions and names as images, and one at least; "
            f"got {', '.join(map(str, lengths))}"
        )


def panel_grid(
    look: Look,
    images: Sequence[np.ndarray],
    cells: Sequence[Sequence[Cell]],
    names: Sequence[str],
    *,
    patches: Sequence[Patch] = (),
    legend_columns: int = 1,
    title: str = "",
) -> Figure:
    """Draw the cells of each example in a row, its name beside it.

    Args:
        look: how the grid looks.
        images: [H, W, ...] each, for the shape of the cells.
        cells: for each example as many as there are headings.
        names: one for each example, or empty texts.
        patches: the legend below.
        legend_columns: of the legend.
        title: line above the figure.
    """
    count, width = len(images), len(look.headings)
    groups = look.groups(count)
    rows = -(-count // groups)
    aspect = float(np.median([image.shape[0] / image.shape[1] for image in images]))
    lines = -(-len(patches) // legend_columns)
    height = rows * look.side * aspect + 0.35 + look.legend * lines + (0.3 if title else 0)
    figure = new_figure(groups * width * look.side + (groups - 1) * 0.2 + 0.3, height, title)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    ratios = ([1.0] * width + [look.gap]) * groups
    grid = figure.add_gridspec(rows, len(ratios) - 1, width_ratios=ratios[:-1])
    for index, (drawn, name) in enumerate(zip(cells, names, strict=True)):
        group, row = divmod(index, rows)
        for column, draw in enumerate(drawn):
            axes = frame(figure.add_subplot(grid[row, (width + 1) * group + column]))
            draw(axes)
            if row == 0:
                axes.set_title(look.headings[column], **HEADING, pad=4)
            if column == 0 and name:
                axes.set_ylabel(shortened(str(name)), fontsize=7, color=INK, labelpad=3)
    if patches:
        columns = min(legend_columns, len(patches))
        figure.legend(handles=patches, loc="outside lower center", ncols=columns, **LEGEND)
    return figure


def shows(picture: np.ndarray) -> Cell:
    """Give a cell that shows a picture pixel by pixel; a map [H, W] in [0, 1] in shades of grey."""
    return lambda axes: axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
