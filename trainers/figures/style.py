"""How all figures look: plain `matplotlib.figure.Figure` objects drawn by Agg; no display, no pyplot, no state."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by all kinds of colour vision; its yellow is too light for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, GRID = "#333333", "#E3E3E3"
IGNORED = (0.62, 0.62, 0.62)  # of pixels that do not count
DOTTED: Any = (0, (1, 1.6))
DASH_DOTTED: Any = (0, (6, 2, 1, 2))
DASHED: Any = (0, (4, 1.5))
HEADING: dict[str, Any] = {"fontsize": 10, "color": INK}
LEGEND: dict[str, Any] = {
    "frameon": False,
    "fontsize": 8.5,
    "labelcolor": INK,
    "handlelength": 2.4,
    "title_fontsize": 11,
}


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Make an empty white figure, sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def bare(axes: Axes) -> Axes:
    """Take away what is not data: two spines, tick marks, dark grid lines. Gives the axes."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color="#888888", linewidth=0.8)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    axes.xaxis.label.set(color=INK, fontsize=9.5)
    axes.yaxis.label.set(color=INK, fontsize=9.5)
    return axes


def frame(axes: Axes) -> Axes:
    """Make axes a thin frame around a picture. Gives the axes."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color="#AAAAAA", linewidth=0.6)
    return axes


def shortened(name: str, length: int = 22) -> str:
    """Cut a name at its beginning, which repeats from one to the next."""
    return name if len(name) <= length else "…" + name[1 - length :]
