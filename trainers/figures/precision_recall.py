"""A detector's precision over recall."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..metrics.catalogue import CATALOGUE
from ..metrics.ranking.average_precision import RECALLS, CocoResult
from .style import COLOURS, DASH_DOTTED, DASHED, HEADING, LEGEND, bare, new_figure, shortened


def precision_recall_figure(result: CocoResult, *, title: str = "") -> Figure:
    """Draw precision over recall at three IoUs, and at .5 by class; of many the best and the worst have colours."""
    ap, there = CATALOGUE["ap"], np.flatnonzero(~np.isnan(result.class_ap50)).tolist()
    figure = new_figure(9.4 if len(there) > 1 else 5.2, 4.1, title)
    left, *others = [bare(axes) for axes in figure.subplots(1, 2 if len(there) > 1 else 1, squeeze=False)[0]]
    averages = ((0.5, result.ap50), (0.75, result.ap75), (0.9, result.ap90))
    for (iou, value), colour, style in zip(averages, COLOURS, ("-", DASHED, DASH_DOTTED)):
        label = f"IoU ≥ {iou:g}: {ap.heading} {ap.text(value)}"
        left.plot(RECALLS, result.curve(iou), color=colour, linestyle=style, linewidth=2, label=label)
    about = f"Average of {len(there)} classes" if others else result.class_names[there[0]]
    left.set_title(about, loc="left", **HEADING)
    for right in others:
        order = sorted(there, key=lambda index: -result.class_ap50[index])
        coloured = order if len(order) <= len(COLOURS) else order[:3] + order[-3:]
        for index in [*(index for index in order if index not in coloured), *coloured]:
            look: dict[str, Any] = {"color": "#BBBBBB", "linewidth": 0.8}
            if index in coloured:
                label = f"{shortened(result.class_names[index])}: {ap.text(result.class_ap50[index])}"
                look = {"color": COLOURS[coloured.index(index)], "linewidth": 1.7, "label": label}
            right.plot(RECALLS, result.curve(0.5, index), **look)
        right.set_title("By class, IoU ≥ 0.5", loc="left", **HEADING)
    for axes in (left, *others):
        axes.set(xlim=(0, 1.005), ylim=(0, 1.02), xlabel="Recall")
        axes.legend(loc="best", **{**LEGEND, "frameon": True, "framealpha": 0.85, "edgecolor": "none"})
    left.set_ylabel("Precision")
    return figure
