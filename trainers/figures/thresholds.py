"""Scores over the threshold, to see how much its choice matters: the F-measure of maps, F1 and LRP of boxes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..metrics.catalogue import metrics_of
from ..metrics.f_measure import FMeasureResult
from ..metrics.histogram import THRESHOLDS
from ..metrics.lrp import LRPResult
from .style import COLOURS, DASH_DOTTED, DASHED, DOTTED, INK, LEGEND, bare, new_figure

NEAR_ZERO = 0.03  # below this best threshold a linear axis would show nothing
STRIP = 0.022  # height of a band, as a share of the curves' axis
_WIDE: dict[str, Any] = {"linewidth": 2.2}
_DOTTED: dict[str, Any] = {"linewidth": 1.3, "linestyle": DOTTED}
_DASHED: dict[str, Any] = {"linewidth": 1.3, "linestyle": DASHED}
_DASH_DOTTED: dict[str, Any] = {"linewidth": 1.1, "linestyle": DASH_DOTTED}


def threshold_figure(results: Mapping[str, FMeasureResult], *, title: str = "") -> Figure:
    """Draw precision, recall and F-measure over the threshold by label, of at most seven (FLoss, Fig. 3 and 4)."""
    max_f, mean_f, at = metrics_of("max_f", "mean_f", "optimal_threshold")
    figure, axes = _figure(results, xlim=(0, 1), xlabel="Threshold", ylabel="Precision, recall, F-measure")
    scores = {}
    for index, ((label, result), colour) in enumerate(zip(results.items(), COLOURS)):
        _draw_band(axes, result.band, colour, index, len(results))
        axes.plot(THRESHOLDS, result.precision, color=colour, **_DOTTED)
        axes.plot(THRESHOLDS, result.recall, color=colour, **_DASH_DOTTED)
        axes.plot(THRESHOLDS, result.f, color=colour, **_WIDE)
        _circle(axes, result.optimal_threshold, result.max_f, markersize=8, markeredgewidth=1.8, color=colour)
        best = f"{max_f.heading} {max_f.text(result.max_f)} at {at.text(result.optimal_threshold)}"
        scores[label] = f"{best}, {mean_f.heading} {mean_f.text(result.mean_f)}"
    lines = {"F-measure": _WIDE, "precision": _DOTTED, "recall": _DASH_DOTTED}
    _explain(figure, axes, lines, max_f.heading, f"within 1 % of {max_f.heading}", scores, title)
    return figure


def confidence_figure(results: Mapping[str, LRPResult], *, title: str = "") -> Figure:
    """Draw F1 and LRP over the score threshold, of all classes together, by label, of at most seven.

    Where the best threshold lies near 0, as ranking losses may have it, the axis is logarithmic.
    """
    f1, f1_at, lrp, olrp = metrics_of("f1", "f1_threshold", "lrp", "olrp")
    figure, axes = _figure(results, xlabel="Score threshold", ylabel=f"{f1.heading}, {lrp.heading}")
    left, right = _range_of_thresholds(results.values())
    if left:
        axes.set_xscale("log")
        axes.tick_params(which="minor", length=0)
    scores = {}
    for index, ((label, result), colour) in enumerate(zip(results.items(), COLOURS)):
        _draw_band(axes, np.clip(result.band, left, 1), colour, index, len(results))
        at = np.clip(result.thresholds, left, 1)
        axes.plot(at, result.lrp_curve, color=colour, **_DASHED)
        axes.plot(at, result.f1_curve, color=colour, **_WIDE)
        for x, y in ((result.f1_threshold, result.f1), (result.lrp_threshold, result.lrp)):
            _circle(axes, x, y, markersize=7, markeredgewidth=1.7, color=colour)
        best = f"{f1.heading} {f1.text(result.f1)} at {f1_at.text(result.f1_threshold)}"
        scores[label] = f"{best}, {olrp.heading} {olrp.text(result.olrp)}"
    axes.set_xlim(left, right)
    lines = {f1.heading: _WIDE, f"{lrp.heading} (an error)": _DASHED}
    _explain(figure, axes, lines, "best", f"{f1.heading} within 1 % of its best", scores, title)
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


def _explain(
    figure: Figure,
    axes: Axes,
    lines: Mapping[str, dict[str, Any]],
    circle: str,
    band: str,
    scores: Mapping[str, str],
    title: str,
) -> None:
    """Explain the styles of lines below the axes, and the colour of each result, with its scores, above them."""
    styles = [Line2D([], [], color=INK, label=label, **style) for label, style in lines.items()]
    styles.append(Line2D([], [], color=INK, marker="o", mfc="white", linestyle="", markersize=7, label=circle))
    styles.append(Line2D([], [], color=INK, linewidth=4, alpha=0.6, label=band))
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13)}
    axes.legend(handles=styles, ncols=len(styles), columnspacing=1.4, **place, **LEGEND)
    colours = zip(scores.items(), COLOURS)
    handles = [Line2D([], [], color=colour, linewidth=3, label=f"{label}: {one}") for (label, one), colour in colours]
    figure.legend(handles=handles, loc="outside upper left", title=title or None, alignment="left", **LEGEND)
