"""Which class is taken for which, as a matrix of shades."""

import numpy as np
from matplotlib.figure import Figure

from ..metrics.confusion import Confusion
from .style import INK, frame, new_figure, shortened

MOST_WITH_NUMBERS = 24  # of more classes a matrix shows shades alone
DARK, LIGHT = "#222222", "#FEFEFE"  # of numbers on shades, whatever the page around them looks like
MANY = 40  # from so many classes on they stand closer


def confusion_figure(confusion: Confusion, *, title: str = "") -> Figure:
    """Draw which share of each true class is predicted as which class; each row adds up to 1.

    With a background its row is what is found where nothing is, as shares of all that, its column what is not found.
    """
    shares, count = confusion.shares, len(confusion.names)
    cell, size = (0.38, 8) if count < MANY else (0.2, 6)
    names = [shortened(name, 16) for name in confusion.names]
    side, room = max(3.0, cell * count), 0.0105 * size * max(map(len, names))
    figure = new_figure(side + 1.5 + room, side + 0.8 + room, title)
    axes = frame(figure.add_subplot())
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(np.arange(count), names, rotation=60 if count < MANY else 90, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(count), names)
    axes.tick_params(length=0, labelsize=size, labelcolor=INK)
    # Of the figure, since the layout forgets an axis' own name beside the names of its ticks here.
    figure.supxlabel("Predicted", fontsize=9.5, color=INK)
    figure.supylabel("True", fontsize=9.5, color=INK)
    if confusion.background:
        for draw in (axes.axhline, axes.axvline):
            draw(count - 1.5, color=DARK, linewidth=0.8)
    if count <= MOST_WITH_NUMBERS:
        for row, column in np.argwhere(shares >= 0.005):
            value = shares[row, column]
            text = axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=7)
            text.set_color(LIGHT if value > 0.55 else DARK)
    bar = figure.colorbar(shown, ax=axes, fraction=0.04, pad=0.02, format=lambda value, _: f"{value:.0%}")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=INK)
    bar.set_label("Share of the row", fontsize=8.5, color=INK)
    return figure
