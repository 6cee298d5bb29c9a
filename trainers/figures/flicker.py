"""How steady masks are, over the threshold at which they are cut."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ..metrics.catalogue import metrics_of
from ..metrics.histogram import THRESHOLDS
from .style import COLOURS, DASHED, DOTTED, HEADING, INK, LEGEND, bare, new_figure

if TYPE_CHECKING:
    from ..metrics.flicker.maps import MapFlickerResult


def flicker_figure(curves: "Mapping[str, MapFlickerResult]", threshold: float, label: str) -> Figure:
    """Draw flicker, and below it blink, by what they are called; the first is the one that counts."""
    figure = new_figure(6.4, 5.2)
    rows = [bare(axes) for axes in figure.subplots(2, 1, sharex=True)]
    for metric, axes in zip(metrics_of("flicker", "blink"), rows):
        for place, (name, result) in enumerate(curves.items()):
            # The truth stands behind what is found.
            style = (
                {"linewidth": 2.2} if place == 0 else {"linewidth": 1.3, "linestyle": (DASHED, DOTTED)["true" in name]}
            )
            # At 0 everything is the mask, so nothing can change.
            axes.plot(THRESHOLDS[1:], getattr(result, metric.key)[1:], color=COLOURS[place], label=name, **style)
        axes.axvline(threshold, color=INK, linewidth=1.1, linestyle=DOTTED)
        axes.set(ylim=(0, None), ylabel=metric.title)
    first = next(iter(curves.values()))
    told = f"{label}: flicker {first.scalars(threshold)['flicker']:.4f} at threshold {threshold:.3f}"
    rows[0].set_title(told, loc="left", **HEADING)
    rows[0].legend(**LEGEND)
    rows[1].set(xlim=(0, 1), xlabel="Threshold")
    if np.isnan(first.blink).all():
        rows[1].text(0.5, 0.5, "no clip has three frames", transform=rows[1].transAxes, ha="center", color=INK)
    return figure
