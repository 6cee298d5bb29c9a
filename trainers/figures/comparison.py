"""The pictures of a comparison, small as they have no legend of rows: the report explains the colours once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from .style import COLOURS, DASH_DOTTED, DASHED, DOTTED, INK, LEGEND, bare, new_figure, shortened

WIDTH = 4.4  # inches: as wide as a phone's screen shows it without shrinking the letters
MARKERS = "osD^vPX*"
_CIRCLE: dict[str, Any] = {"marker": "o", "linestyle": "", "ms": 6, "mew": 1.6, "mfc": "white", "zorder": 5}


@dataclass(frozen=True, eq=False)
class Line:
    """A row of a comparison, dashed if a control: its seeds' mean, lowest and highest over x, all float [T]."""

    label: str
    colour: str
    dashed: bool
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def colour_of(place: int) -> str:
    """Give the colour of the row at a place; they repeat after seven."""
    return COLOURS[place % len(COLOURS)]


def lines_figure(lines: Sequence[Line], *, mark: str = "", **settings: Any) -> Figure:
    """Draw one curve a row, its seeds' range shaded, with the axes' settings; mark "max" or "min" circles the best."""
    figure = new_figure(WIDTH, 3.1)
    axes = bare(figure.add_subplot())
    for line in lines:
        axes.fill_between(line.x, line.low, line.high, color=line.colour, alpha=0.16, linewidth=0)
        axes.plot(line.x, line.mean, color=line.colour, linewidth=1.9, linestyle=DASHED if line.dashed else "-")
        if mark:
            best = int(np.argmax(line.mean) if mark == "max" else np.argmin(line.mean))
            axes.plot(line.x[best], line.mean[best], **_CIRCLE, color=line.colour)
    axes.set(**settings)
    axes.tick_params(which="minor", length=0)
    axes.margins(x=0.01)
    return figure


def over_epochs_figure(lines: Sequence[Line], **settings: Any) -> Figure:
    """Draw one curve a row over whole epochs, as `lines_figure`, around 1 on a logarithmic axis of plain numbers."""
    figure = lines_figure(lines, xlabel="Epoch", yscale="log", **settings)
    (axes,) = figure.axes
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    return figure


def f_measure_figure(lines: Sequence[Line], beside: Sequence[Line] = ()) -> Figure:
    """Draw precision (dotted), recall (dash-dotted) and F of a row over the threshold (Fig. 4a of FLoss)."""
    figure = new_figure(3.5, 2.7)
    axes = bare(figure.add_subplot())
    styles = ((DOTTED, 1.6), (DASH_DOTTED, 1.4), ("-", 2.1))
    for line, (style, width) in zip(beside, styles):
        axes.plot(line.x, line.mean, color="#999999", linewidth=width * 0.7, linestyle=style)
    for line, (style, width) in zip(lines, styles):
        axes.plot(line.x, line.mean, color=line.colour, linewidth=width, linestyle=style)
    f = lines[-1]
    best = int(np.argmax(f.mean))
    axes.plot(f.x[best], f.mean[best], **_CIRCLE, color=f.colour)
    axes.set(xlabel="Threshold", ylim=(0, 1.02), xlim=(0, 1))
    return figure


def best_thresholds_figure(rows: Sequence[tuple[str, str, np.ndarray]], sets: Sequence[str]) -> Figure:
    """Draw each row's thresholds [seeds, sets], the best, their mean and deviation over sets (Fig. 3b of FLoss)."""
    figure = new_figure(WIDTH, 1.25 + 0.5 * len(rows))
    axes = bare(figure.add_subplot())
    axes.grid(visible=False, axis="y")
    for place, (_, colour, thresholds) in enumerate(rows):
        mean, deviation = thresholds.mean(), thresholds.std(axis=1).mean()
        axes.plot([mean - deviation, mean + deviation], [place, place], color=colour, linewidth=7, alpha=0.22,
                  solid_capstyle="butt")  # fmt: skip
        axes.plot([mean, mean], [place - 0.28, place + 0.28], color=colour, linewidth=2.4)
        for at, marker in zip(thresholds.mean(axis=0), cycle(MARKERS)):
            axes.plot(at, place, marker, color=colour, ms=6, mfc="none", mew=1.4)
    axes.set_yticks(range(len(rows)), [label.replace(", ", ",\n") for label, *_ in rows])
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel="Best threshold")
    look: dict[str, Any] = {"color": INK, "mfc": "none", "linestyle": ""}
    handles = [Line2D([], [], label=shortened(name), marker=one, **look) for name, one in zip(sets, cycle(MARKERS))]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, len(handles)), **LEGEND)
    return figure


def sweep_figure(values: Sequence[str], scores: Mapping[str, np.ndarray], *, xlabel: str) -> Figure:
    """Draw scores, float [values, seeds] by name, over a hyperparameter's values, evenly spaced (Fig. 4b of FLoss)."""
    figure = new_figure(WIDTH, 3.0)
    axes = bare(figure.add_subplot())
    places = np.arange(len(values))
    styles = (DASHED, DASH_DOTTED, "-", DOTTED)
    for (label, score), colour, style, marker in zip(scores.items(), COLOURS, styles, "v^os"):
        axes.fill_between(places, score.min(axis=1), score.max(axis=1), color=colour, alpha=0.16, linewidth=0)
        axes.plot(places, score.mean(axis=1), color=colour, linestyle=style, linewidth=2, marker=marker, label=label)
    axes.set_xticks(places, values)
    axes.set(xlabel=xlabel)
    figure.legend(loc="outside lower center", ncols=3, **LEGEND)
    return figure


def classes_figure(rows: Sequence[tuple[str, str, np.ndarray]], names: Sequence[str], *, xlabel: str) -> Figure:
    """Draw a score of each class, NaN where there is none, a dot a row; a line joins the lowest and the highest."""
    figure = new_figure(WIDTH, 0.9 + 0.3 * len(names))
    axes = bare(figure.add_subplot())
    axes.grid(visible=False, axis="y")
    scores = np.array([score for *_, score in rows])
    for place in range(len(names)):
        there = scores[:, place][~np.isnan(scores[:, place])]
        if there.size:
            axes.plot([there.min(), there.max()], [place, place], color="#BBBBBB", linewidth=1.2, zorder=1)
    for (_, colour, score), marker in zip(rows, cycle(MARKERS)):
        axes.plot(score, np.arange(len(names)), marker, color=colour, ms=6, mew=0, alpha=0.9)
    axes.set_yticks(range(len(names)), [shortened(name) for name in names])
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel=xlabel)
    axes.locator_params(axis="x", nbins=6)
    return figure
