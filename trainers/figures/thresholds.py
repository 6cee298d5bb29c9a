"""Scores over the threshold, to see how much its choice matters: the F-measure of maps, F1 and LRP of boxes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..metrics.f_measure import FMeasureResult
from ..metrics.histogram import THRESHOLDS
from ..metrics.lrp import LRPResult
from .style import COLOURS, DASH_DOTTED, DASHED, DOTTED, INK, LEGEND, bare, new_figure

NEAR_ZERO = 0.03
"""Below this best threshold a linear axis would show nothing."""

STRIP = 0.022
"""Height of a band, as a share of the curves' axis."""


def threshold_figure(results: Mapping[str, FMeasureResult], *, title: str = "") -> Figure:
    """Draw precision, recall and F-measure over the threshold (as Fig. 3 and 4 of the FLoss paper).

    Args:
        results: by label, e.g. of several losses; at most seven.
        title: line above the figure.

    Returns:
        A figure: precision dotted, recall dash-dotted, F-measure solid, MaxF a circle, and shaded the band of
        thresholds within 1 % of MaxF.

    Raises:
        ValueError: no results, or more than there are colours.
    """
    figure, axes = _figure(results, xlim=(0, 1), xlabel="Threshold", ylabel="Precision, recall, F-measure")
    scores = {}
    for index, ((label, result), colour) in enumerate(zip(results.items(), COLOURS)):
        _draw_band(axes, result.band, colour, index, len(results))
        axes.plot(THRESHOLDS, result.precision, color=colour, linewidth=1.3, linestyle=DOTTED)
        axes.plot(THRESHOLDS, result.recall, color=colour, linewidth=1.1, linestyle=DASH_DOTTED)
        axes.plot(THRESHOLDS, result.f, color=colour, linewidth=2.2)
        _circle(axes, result.optimal_threshold, result.max_f, markersize=8, markeredgewidth=1.8, color=colour)
        scores[label] = f"MaxF {result.max_f:.3f} at {result.optimal_threshold:.2f}, MeanF {result.mean_f:.3f}"
    styles = [
        Line2D([], [], color=INK, linewidth=2.2, label="F-measure"),
        Line2D([], [], color=INK, linewidth=1.3, linestyle=DOTTED, label="precision"),
        Line2D([], [], color=INK, linewidth=1.1, linestyle=DASH_DOTTED, label="recall"),
        Line2D([], [], color=INK, marker="o", mfc="white", linestyle="", markersize=7, label="MaxF"),
        Line2D([], [], color=INK, linewidth=4, alpha=0.6, label="within 1 % of MaxF"),
    ]
    _explain(figure, axes, styles, scores, title)
    return figure


def confidence_figure(results: Mapping[str, LRPResult], *, title: str = "") -> Figure:
    """Draw F1 and LRP over the score threshold, of all classes together.

    Where the best threshold lies near 0, as ranking losses may have it, the axis is logarithmic.

    Args:
        results: by label, e.g. of several losses; at most seven.
        title: line above the figure.

    Returns:
        A figure: F1 solid and LRP dashed, the optima as circles, and shaded the band of thresholds within 1 % of the
        largest F1.

    Raises:
        ValueError: no results, or more than there are colours.
    """
    figure, axes = _figure(results, xlabel="Score threshold", ylabel="F1, LRP")
    left, right = _range_of_thresholds(results.values())
    if left:
        axes.set_xscale("log")
        axes.tick_params(which="minor", length=0)
    scores = {}
    for index, ((label, result), colour) in enumerate(zip(results.items(), COLOURS)):
        _draw_band(axes, np.clip(result.band, left, 1), colour, index, len(results))
        at = np.clip(result.thresholds, left, 1)
        axes.plot(at, result.lrp_curve, color=colour, linewidth=1.3, linestyle=DASHED)
        axes.plot(at, result.f1_curve, color=colour, linewidth=2.2)
        for x, y in ((result.f1_threshold, result.f1), (result.lrp_threshold, result.lrp)):
            _circle(axes, x, y, markersize=7, markeredgewidth=1.7, color=colour)
        scores[label] = f"F1 {result.f1:.3f} at {result.f1_threshold:.3g}, oLRP {result.olrp:.3f}"
    axes.set_xlim(left, right)
    styles = [
        Line2D([], [], color=INK, linewidth=2.2, label="F1"),
        Line2D([], [], color=INK, linewidth=1.3, linestyle=DASHED, label="LRP (an error)"),
        Line2D([], [], color=INK, marker="o", mfc="white", linestyle="", markersize=6, label="best"),
        Line2D([], [], color=INK, linewidth=4, alpha=0.6, label="F1 within 1 % of its best"),
    ]
    _explain(figure, axes, styles, scores, title)
    return figure


def _range_of_thresholds(results: Iterable[LRPResult]) -> tuple[float, float]:
    """Give the ends of the axis; where the left one is not 0 the axis is logarithmic."""
    best = min((result.f1_threshold for result in results if result.f1_threshold > 0), default=1.0)
    if best > NEAR_ZERO:
        return 0.0, 1.0
    highest = max(result.thresholds[result.f1_curve > 0].max(initial=best) for result in results)
    return best / 100, min(1.0, 3 * highest)


def _figure(results: Mapping[str, object], **settings: Any) -> tuple[Figure, Axes]:
    """Make a figure with room for the bands above the curves."""
    if not 1 <= len(results) <= len(COLOURS):
        raise ValueError(f"a figure over thresholds shows 1 to {len(COLOURS)} results, got {len(results)}")
    figure = new_figure(7.2, 4.7)
    axes = bare(figure.add_subplot())
    axes.set(ylim=(0, 1.02 + STRIP * (len(results) + 0.5)), **settings)
    axes.set_yticks([tenth / 10 for tenth in range(11)])
    return figure, axes


def _draw_band(axes: Axes, band: Sequence[float] | np.ndarray, colour: str, index: int, count: int) -> None:
    """Shade the band of one of several results, and draw it in a strip of its own, so that all can be told apart."""
    axes.fill_between(band, 0, 1, color=colour, alpha=0.10 / count**0.5, linewidth=0)
    level = 1.02 + STRIP * (count - 0.5 - index)
    axes.plot(band, [level, level], color=colour, linewidth=4, solid_capstyle="butt")


def _circle(axes: Axes, x: float, y: float, **style: Any) -> None:
    axes.plot([x], [y], "o", mfc="white", zorder=5, **style)


def _explain(figure: Figure, axes: Axes, styles: Sequence[Line2D], scores: Mapping[str, str], title: str) -> None:
    """Explain the styles of lines below the axes, and the colour of each result, with its scores, above them."""
    axes.legend(
        handles=styles, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=len(styles), columnspacing=1.4, **LEGEND
    )
    handles = [
        Line2D([], [], color=colour, linewidth=3, label=f"{label}: {score}")
        for (label, score), colour in zip(scores.items(), COLOURS)
    ]
    figure.legend(handles=handles, loc="outside upper left", title=title or None, alignment="left", **LEGEND)
