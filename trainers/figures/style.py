"""How all figures look: colours, bare axes, legends. Plain `matplotlib.figure.Figure` objects drawn by Agg."""

from collections.abc import Mapping, Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

# Okabe and Ito's palette, told apart by all kinds of colour vision; its yellow is too light for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, GRID = "#333333", "#E3E3E3"
DOTTED, DASH_DOTTED, DASHED = (0, (1, 1.6)), (0, (6, 2, 1, 2)), (0, (4, 1.5))
LEGEND = {"frameon": False, "fontsize": 8.5, "labelcolor": INK, "handlelength": 2.4, "title_fontsize": 11}


def new_figure(width: float, height: float) -> Figure:
    """Make an empty white figure, sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def bare(axes):
    """Take away what is not data: two spines, tick marks, dark grid lines. Gives the axes."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color="#888888", linewidth=0.8)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=INK)
    axes.xaxis.label.set(color=INK, fontsize=9.5)
    axes.yaxis.label.set(color=INK, fontsize=9.5)
    return axes


STRIP = 0.022  # height of a band, as a share of the curves' axis


def threshold_axes(count: int, **settings):
    """Make a figure over thresholds with room for bands above the curves; gives it and its axes."""
    figure = new_figure(7.2, 4.7)
    axes = bare(figure.add_subplot())
    axes.set(ylim=(0, 1.02 + STRIP * (count + 0.5)), **settings)
    axes.set_yticks([tenth / 10 for tenth in range(11)])
    return figure, axes


def draw_band(axes, band, colour: str, index: int, count: int) -> None:
    """Shade the band of one of several results, and draw it in a strip of its own, so that all can be told apart."""
    axes.fill_between(band, 0, 1, color=colour, alpha=0.10 / count**0.5, linewidth=0)
    level = 1.02 + STRIP * (count - 0.5 - index)
    axes.plot(band, [level, level], color=colour, linewidth=4, solid_capstyle="butt")


def threshold_legends(figure: Figure, axes, styles: Sequence, results: Mapping[str, str], title: str) -> None:
    """Explain the styles of lines below the axes, and the colour of each result, with its scores, above them."""
    axes.legend(
        handles=styles, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=len(styles), columnspacing=1.4, **LEGEND
    )
    handles = [
        Line2D([], [], color=colour, linewidth=3, label=f"{label}: {scores}")
        for (label, scores), colour in zip(results.items(), COLOURS)
    ]
    figure.legend(handles=handles, loc="outside upper left", title=title or None, alignment="left", **LEGEND)


def frame(axes):
    """Make axes a thin frame around a picture. Gives the axes."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color="#AAAAAA", linewidth=0.6)
    return axes


def shortened(name: str, length: int = 22) -> str:
    """Cut a name at its beginning, which repeats from one to the next."""
    return name if len(name) <= length else "…" + name[1 - length :]
