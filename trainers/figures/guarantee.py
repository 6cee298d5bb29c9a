"""What can be promised over the threshold, what was promised, and the threshold that keeps it."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from .style import COLOURS, DASHED, DOTTED, HEADING, INK, LEGEND, bare, new_figure

if TYPE_CHECKING:
    from ..guarantees.kept import Guarantee

_NAMES = {"recall": "recall", "precision": "precision", "f": "F"}


def guarantee_figure(kept: "Guarantee", label: str, *, title: str = "") -> Figure:
    """Draw the measures of the calibration pictures, and below the promised one what could be promised of it."""
    figure = new_figure(6.4, 4.4, title)
    axes, own = bare(figure.add_subplot()), kept.promise.measure
    for colour, (name, curve) in zip(COLOURS, kept.curves.items()):
        width, alpha = (2.2, 1.0) if name == own else (1.1, 0.6)
        axes.plot(kept.thresholds, curve, color=colour, linewidth=width, alpha=alpha, label=_NAMES[name])
        if name == own:
            there = np.isfinite(curve)
            at = kept.thresholds[there]
            axes.plot(at, kept.least[there], color=colour, linewidth=1.2, label="can be promised")
            axes.fill_between(at, kept.least[there], curve[there], color=colour, alpha=0.15, linewidth=0)
    axes.axhline(kept.promise.level, color=INK, linewidth=1.1, linestyle=DASHED, label="promised")
    told = "no threshold keeps it"
    if kept.threshold is not None:
        told = f"threshold {kept.threshold:.4f}"
        axes.axvline(kept.threshold, color=INK, linewidth=1.1, linestyle=DOTTED, label="threshold")
        mean = kept.means[own]
        axes.plot([kept.threshold], [mean], "o", mfc="white", color=INK, markersize=7, zorder=5, clip_on=False)
    axes.set_title(f"{label}: {kept.promise.text}, {told}, {kept.counted} pictures", loc="left", **HEADING)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="Threshold", ylabel="Mean over the calibration pictures")
    axes.legend(**LEGEND)
    return figure
