"""How good each class is, as bars."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..metrics.catalogue import CATALOGUE
from ..metrics.jaccard import JaccardResult
from .style import COLOURS, INK, LEGEND, bare, new_figure, shortened


def class_iou_figure(result: JaccardResult, label: str, *, title: str = "") -> Figure:
    """Draw the IoU of each class as bars, and the mean over the classes that the data have."""
    mean, iou = CATALOGUE["dataset_miou_present"], CATALOGUE["iou"]
    values = {name: scores["iou"] for name, scores in result.class_scalars.items() if "iou" in scores}
    score = f"{label}: {mean.heading} {mean.text(result.dataset_miou_present)}"
    about = f"{iou.heading} over all pixels; dotted: mean of the classes"
    return _bars(
        [shortened(name) for name in values], [*values.values()], result.dataset_miou_present, score, about, title
    )


def class_ap_figure(classes: Mapping[str, Mapping[str, float]], mean: float, label: str, *, title: str = "") -> Figure:
    """Draw AP of each class as bars, with its interval and how many objects there are, and the mean over the classes.

    `classes` has `ap`, and where they are known `ap_low`, `ap_high` and `objects`, by class.
    """
    ap, there = CATALOGUE["ap"], {name: scores for name, scores in classes.items() if "ap" in scores}
    ends = [(scores.get("ap_low", np.nan), scores.get("ap_high", np.nan)) for scores in there.values()]
    names = [shortened(name) + _count(scores.get("objects")) for name, scores in there.items()]
    counted = ", how many objects behind its name" if any("objects" in scores for scores in there.values()) else ""
    lines = "; lines: 95 % over such pictures" if np.isfinite(ends).any() else ""
    about = f"{ap.heading} of each class{counted}\ndotted: mean of the classes{lines}"
    score = f"{label}: {ap.heading} {ap.text(mean)}"
    return _bars(names, [scores["ap"] for scores in there.values()], mean, score, about, title, ends)


def _count(objects: float | None) -> str:
    return "" if objects is None else f" ({objects:.0f})"


def _bars(
    names: Sequence[str],
    values: Sequence[float],
    mean: float,
    score: str,
    about: str,
    title: str,
    ends: Sequence[tuple[float, float]] = (),
) -> Figure:
    """Draw bars from 0 to 1, their numbers behind them, and behind the intervals (low, high) that are there."""
    figure = new_figure(6.4, 1.2 + len(values) * 0.26)
    axes = bare(figure.add_subplot())
    axes.grid(visible=False, axis="y")
    axes.barh(range(len(values)), values, 0.736, color=COLOURS[0], label=score)
    axes.axvline(mean, color=COLOURS[0], linewidth=1, linestyle=":")
    right = list(values)
    for place, (low, high) in enumerate(ends):
        if np.isfinite(low):
            axes.plot([low, high], [place, place], color=COLOURS[1], linewidth=1.6, solid_capstyle="butt")
            right[place] = max(right[place], high)
    for place, (value, end) in enumerate(zip(values, right)):
        axes.text(end + 0.008, place, f"{value:.2f}", va="center", fontsize=7, color=INK)
    axes.set_yticks(range(len(values)), names)
    axes.set(xlim=(0, 1.07), ylim=(len(values) - 0.5, -0.5), xticks=np.linspace(0, 1, 6), xlabel=about)
    figure.legend(loc="outside upper left", title=title or None, alignment="left", **LEGEND)
    return figure
