"""Scores over the threshold, to see how much its choice matters: the F-measure of maps, F1 and LRP of boxes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..metrics.catalogue import metrics_of
from ..metrics.f_measure import FMeasureResult
from ..metrics.histogram import THRESHOLDS
from ..metrics.ranking.lrp import LRPResult
from .style import COLOURS, DASH_DOTTED, DASHED, DOTTED, INK, LEGEND, bare, new_figure

NEAR_ZERO = 0.03  # below this best threshold a linear axis would show nothing
COLOUR = COLOURS[0]
_WIDE: dict[str, Any] = {"linewidth": 2.2}
_DOTTED: dict[str, Any] = {"linewidth": 1.3, "linestyle": DOTTED}
_DASHED: dict[str, Any] = {"linewidth": 1.3, "linestyle": DASHED}
_DASH_DOTTED: dict[str, Any] = {"linewidth": 1.1, "linestyle": DASH_DOTTED}


def threshold_figure(result: FMeasureResult, label: str, *, title: str = "") -> Figure:
    """Draw precision, recall and F-measure over the threshold (FLoss, Fig. 3 and 4)."""
    max_f, mean_f, best = metrics_of("max_f", "mean_f", "optimal_threshold")
    figure, axes = _figure(result.band, xlim=(0, 1), xlabel="Threshold", ylabel="Precision, recall, F-measure")
    axes.plot(THRESHOLDS, result.precision, color=COLOUR, **_DOTTED)
    axes.plot(THRESHOLDS, result.recall, color=COLOUR, **_DASH_DOTTED)
    axes.plot(THRESHOLDS, result.f, color=COLOUR, **_WIDE)
    _circle(axes, result.optimal_threshold, result.max_f)
    score = f"{max_f.heading} {max_f.text(result.max_f)} at {best.text(result.optimal_threshold)}"
    score += f", {mean_f.heading} {mean_f.text(result.mean_f)}"
    lines = {"F-measure": _WIDE, "precision": _DOTTED, "recall": _DASH_DOTTED}
    _explain(figure, axes, lines, (max_f.heading, f"within 1 % of {max_f.heading}"), f"{label}: {score}", title)
    return figure


def confidence_figure(result: LRPResult, label: str, *, title: str = "") -> Figure:
    """Draw F1 and LRP of all classes over the score threshold, on a logarithmic axis where the best lies near 0."""
    f1, best, lrp, olrp = metrics_of("f1", "f1_threshold", "lrp", "olrp")
    left, right = _range_of_thresholds(result)
    figure, axes = _figure(
        np.clip(result.band, left, 1), xlabel="Score threshold", ylabel=f"{f1.heading}, {lrp.heading}"
    )
    if left:
        axes.set_xscale("log")
        axes.tick_params(which="minor", length=0)
    at = np.clip(result.thresholds, left, 1)
    axes.plot(at, result.lrp_curve, color=COLOUR, **_DASHED)
    axes.plot(at, result.f1_curve, color=COLOUR, **_WIDE)
    _circle(axes, result.f1_threshold, result.f1)
    _circle(axes, result.lrp_threshold, result.lrp)
    axes.set_xlim(left, right)
    score = f"{f1.heading} {f1.text(result.f1)} at {best.text(result.f1_threshold)}"
    score += f", {olrp.heading} {olrp.text(result.olrp)}"
    lines = {f1.heading: _WIDE, f"{lrp.heading} (an error)": _DASHED}
    _explain(figure, axes, lines, ("best", f"{f1.heading} within 1 % of its best"), f"{label}: {score}", title)
    return figure


def _range_of_thresholds(result: LRPResult) -> tuple[float, float]:
    """Give the ends of the axis; where the left one is not 0 the axis is logarithmic."""
    best = result.f1_threshold if result.f1_threshold > 0 else 1.0
    if best > NEAR_ZERO:
        return 0.0, 1.0
    highest = result.thresholds[result.f1_curve > 0].max(initial=best)
    return best / 100, min(1.0, 3 * highest)


def _figure(band: Sequence[float] | np.ndarray, **settings: Any) -> tuple[Figure, Axes]:
    """Make a figure with the band of thresholds shaded, and in a strip above the curves."""
    figure = new_figure(7.2, 4.7)
    axes = bare(figure.add_subplot())
    axes.set(ylim=(0, 1.053), yticks=[tenth / 10 for tenth in range(11)], **settings)
    axes.fill_between(band, 0, 1, color=COLOUR, alpha=0.10, linewidth=0)
    axes.plot(band, [1.031, 1.031], color=COLOUR, linewidth=4, solid_capstyle="butt")
    return figure, axes


def _circle(axes: Axes, x: float, y: float) -> None:
    axes.plot([x], [y], "o", mfc="white", zorder=5, markersize=8, markeredgewidth=1.8, color=COLOUR)


def _explain(
    figure: Figure, axes: Axes, lines: Mapping[str, dict[str, Any]], marks: tuple[str, str], score: str, title: str
) -> None:
    """Explain the styles of lines, the circle and the band below the axes, and give the scores above them."""
    styles = [Line2D([], [], color=INK, label=label, **style) for label, style in lines.items()]
    styles.append(Line2D([], [], color=INK, marker="o", mfc="white", linestyle="", markersize=7, label=marks[0]))
    styles.append(Line2D([], [], color=INK, linewidth=4, alpha=0.6, label=marks[1]))
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13)}
    axes.legend(handles=styles, ncols=len(styles), columnspacing=1.4, **place, **LEGEND)
    handle = Line2D([], [], color=COLOUR, linewidth=3, label=score)
    figure.legend(handles=[handle], loc="outside upper left", title=title or None, alignment="left", **LEGEND)
