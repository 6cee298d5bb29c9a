"""What scores are worth: confidence against what came of it, and how much there is of each confidence."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..metrics.calibration.boxes import BoxCalibration
from ..metrics.calibration.reliability import Reliability
from ..metrics.catalogue import CATALOGUE
from .style import COLOURS, DASHED, HEADING, INK, bare, new_figure

COLOUR, GAP, DIAGONAL, OTHER = COLOURS[0], COLOURS[1], "#888888", "#999999"
_SMALL: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 6, "color": INK}


def pixel_reliability_figure(
    found: Reliability,
    label: str,
    what: str,
    *,
    temperature: float = float("nan"),
    tempered: Reliability | None = None,
    title: str = "",
) -> Figure:
    """Draw how often pixels of each confidence are what was said of them, such as "right".

    Grey rings show what the temperature would do: those bins of each half of the pictures by the other's.
    """
    figure, ((axes,), (strip,)) = _panels(1, 5.8, title)
    scores = {"pixel_ece": found.error, "temperature": temperature}
    if tempered is not None:
        scores["tempered_ece"] = tempered.error
        _rings(axes, tempered)
    _draw(axes, strip, found, f"{label}: {_told(scores)}", f"Share of the pixels that are {what}")
    strip.set_ylabel("Of pixels")
    return figure


def box_reliability_figure(
    found: BoxCalibration, label: str, *, before: BoxCalibration | None = None, title: str = ""
) -> Figure:
    """Draw how often boxes of each score are right, and what IoU they have, all classes together.

    Where scores are calibrated, grey rings show the same boxes `before`, by the network's own scores.
    """
    figure, ((left, right), strips) = _panels(2, 10.2, title)
    was = before.scalars if before is not None else {}
    precision = f"{label}: {_told({'detection_ece': found.detection_ece}, was)}"
    of_classes = _told({"laece_0": found.laece_0, "laace_0": found.laace_0}, was)
    if before is not None:
        for axes, bins in ((left, before.precision), (right, before.iou)):
            _rings(axes, bins)
    _draw(left, strips[0], found.precision, precision, "Precision (IoU ≥ 0.5)")
    _draw(right, strips[1], found.iou, of_classes if was else f"{of_classes} (by class)", "Mean IoU, 0 of false finds")
    if was:
        for strip in strips:
            strip.set_xlabel(f"{strip.get_xlabel()}; rings: before")
    strips[0].set_ylabel("Of boxes")
    return figure


def _rings(axes: Axes, bins: Reliability) -> None:
    """Draw bins that others are compared with."""
    there = bins.counts > 0
    ring: dict[str, Any] = {"marker": "o", "mfc": "white", "color": OTHER, "linestyle": ":", "zorder": 2}
    axes.plot(bins.confidence[there], bins.outcome[there], linewidth=1.2, markersize=6, **ring)


def _panels(columns: int, width: float, title: str) -> tuple[Figure, np.ndarray]:
    figure = new_figure(width, 5.2, title)
    return figure, figure.subplots(2, columns, squeeze=False, height_ratios=(4, 1))


def _told(scores: dict[str, float], before: Mapping[str, float] | None = None) -> str:
    """Name scores, with what they were `before` where that is known."""
    told = []
    for metric, value in ((CATALOGUE[key], value) for key, value in scores.items() if not np.isnan(value)):
        was = f" ({metric.text(before[metric.key])} before)" if before and metric.key in before else ""
        told.append(f"{metric.heading} {metric.text(value)}{was}")
    return ", ".join(told) or "nothing to judge"


def _draw(axes: Axes, strip: Axes, found: Reliability, heading: str, ylabel: str) -> None:
    """Draw a dot a bin with its distance from the diagonal, and in a strip below how many are in it."""
    bins, there, ticks = len(found.counts), found.counts > 0, np.linspace(0, 1, 6)
    confidence, outcome = found.confidence[there], found.outcome[there]
    shares = found.counts / max(1, found.counts.sum())
    most = float(shares.max(initial=0)) or 1.0
    bare(axes).set(xlim=(0, 1), ylim=(0, 1), xticks=ticks, yticks=ticks, ylabel=ylabel)
    axes.tick_params(labelbottom=False)
    axes.set_title(heading, loc="left", **HEADING)
    axes.plot([0, 1], [0, 1], color=DIAGONAL, linestyle=DASHED, linewidth=1.2)
    axes.vlines(confidence, np.minimum(confidence, outcome), np.maximum(confidence, outcome), color=GAP, linewidth=1.4)
    sizes = 14 + 90 * shares[there] / most
    axes.scatter(confidence, outcome, s=sizes, color=COLOUR, edgecolor="white", linewidth=0.8, zorder=3, clip_on=False)
    bare(strip).set(xlim=(0, 1), ylim=(0, 1.35 * most), xticks=ticks, xlabel="Confidence; dashed: as often as it says")
    strip.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    strip.stairs(shares, np.linspace(0, 1, bins + 1), fill=True, color=COLOUR, alpha=0.35)
    for place in np.flatnonzero(there):
        strip.text((place + 0.5) / bins, shares[place], _short(int(found.counts[place])), **_SMALL)


def _short(count: int) -> str:
    """Write a count in up to four characters: 950, 12k, 3.4M."""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.1f}{name}" if count < 10 * unit else f"{count // unit}{name}"
    return str(count)
