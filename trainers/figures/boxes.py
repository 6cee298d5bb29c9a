"""The pictures of a detector: precision over recall, F1 and LRP over the threshold, boxes beside the true ones."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from ..colours import class_colours
from ..metrics.average_precision import RECALLS, CocoResult
from ..metrics.lrp import LRPResult
from ..metrics.matching import Found, Truth
from .style import (
    COLOURS,
    DASH_DOTTED,
    DASHED,
    INK,
    LEGEND,
    bare,
    draw_band,
    frame,
    new_figure,
    shortened,
    threshold_axes,
    threshold_legends,
)

# More boxes than this are not named one by one.
MOST_NAMED = 15
MOST_IN_LEGEND = 12
# Of what was found in one picture: an untrained model finds a hundred boxes everywhere.
MOST_FOUND = 40
UNCOUNTED = "#8C8C8C"
# Below this best threshold a linear axis would show nothing.
NEAR_ZERO = 0.03


def precision_recall_figure(result: CocoResult, *, title: str = "") -> Figure:
    """Draw precision over recall: averaged over classes at IoU .5, .75 and .9, and at IoU .5 by class.

    Of more than seven classes the best three and the worst three have colours, the others are grey.

    Args:
        result: What `CocoAP` gives.
        title: line above the figure.
    """
    there = [index for index, ap in enumerate(result.class_ap50) if not np.isnan(ap)]
    figure = new_figure(9.4 if len(there) > 1 else 5.2, 4.1)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    left, *others = [bare(axes) for axes in figure.subplots(1, 2 if len(there) > 1 else 1, squeeze=False)[0]]
    for iou, colour, style in zip((0.5, 0.75, 0.9), COLOURS, ("-", DASHED, DASH_DOTTED)):
        value = (result.ap50, result.ap75, result.ap90)[(0.5, 0.75, 0.9).index(iou)]
        label = f"IoU ≥ {iou:g}: AP {value:.3f}"
        left.plot(RECALLS, result.curve(iou), color=colour, linestyle=style, linewidth=2, label=label)
    left.set_title(f"Average of {len(there)} classes" if others else result.class_names[there[0]], **_HEADING)
    for right in others:
        order = sorted(there, key=lambda index: -result.class_ap50[index])
        coloured = order if len(order) <= len(COLOURS) else order[:3] + order[-3:]
        for index in [*(index for index in order if index not in coloured), *coloured]:
            known = index in coloured
            right.plot(
                RECALLS,
                result.curve(0.5, index),
                color=COLOURS[coloured.index(index)] if known else "#BBBBBB",
                linewidth=1.7 if known else 0.8,
                label=f"{shortened(result.class_names[index])}: {result.class_ap50[index]:.3f}" if known else None,
            )
        right.set_title("By class, IoU ≥ 0.5", **_HEADING)
    for axes in (left, *others):
        axes.set(xlim=(0, 1.005), ylim=(0, 1.02), xlabel="Recall")
        axes.legend(loc="lower left", **{**LEGEND, "frameon": True, "framealpha": 0.85, "edgecolor": "none"})
    left.set_ylabel("Precision")
    return figure


def confidence_figure(results: Mapping[str, LRPResult], *, title: str = "") -> Figure:
    """Draw F1 and LRP over the score threshold, of all classes together: how much the choice of threshold matters.

    Where the best threshold lies near 0, as ranking losses may have it, the axis is logarithmic.

    Args:
        results: `LRPResult` by label, e.g. of several losses; at most seven.
        title: line above the figure.

    Returns:
        A figure: F1 solid and LRP dashed, the optima as circles, and shaded the band of thresholds within 1 % of the
        largest F1.

    Raises:
        ValueError: no results, or more than there are colours.
    """
    if not 1 <= len(results) <= len(COLOURS):
        raise ValueError(f"a figure over thresholds shows 1 to {len(COLOURS)} results, got {len(results)}")
    left, right = _range_of_thresholds(results.values())
    figure, axes = threshold_axes(len(results), xlabel="Score threshold", ylabel="F1, LRP")
    scores = {}
    if left:
        axes.set_xscale("log")
        axes.tick_params(which="minor", length=0)
    for index, ((label, result), colour) in enumerate(zip(results.items(), COLOURS)):
        draw_band(axes, np.clip(result.band, left, 1), colour, index, len(results))
        at = np.clip(result.thresholds, left, 1)
        axes.plot(at, result.lrp_curve, color=colour, linewidth=1.3, linestyle=DASHED)
        axes.plot(at, result.f1_curve, color=colour, linewidth=2.2)
        for x, y in ((result.f1_threshold, result.f1), (result.lrp_threshold, result.lrp)):
            axes.plot([x], [y], "o", markersize=7, markeredgewidth=1.7, color=colour, mfc="white", zorder=5)
        scores[label] = f"F1 {result.f1:.3f} at {result.f1_threshold:.3g}, oLRP {result.olrp:.3f}"
    axes.set_xlim(left, right)
    styles = [
        Line2D([], [], color=INK, linewidth=2.2, label="F1"),
        Line2D([], [], color=INK, linewidth=1.3, linestyle=DASHED, label="LRP (an error)"),
        Line2D([], [], color=INK, marker="o", mfc="white", linestyle="", markersize=6, label="best"),
        Line2D([], [], color=INK, linewidth=4, alpha=0.6, label="F1 within 1 % of its best"),
    ]
    threshold_legends(figure, axes, styles, scores, title)
    return figure


def _range_of_thresholds(results) -> tuple[float, float]:
    """Give the ends of the axis; where the left one is not 0 the axis is logarithmic."""
    best = min((result.f1_threshold for result in results if result.f1_threshold > 0), default=1.0)
    if best > NEAR_ZERO:
        return 0.0, 1.0
    highest = max(result.thresholds[result.f1_curve > 0].max(initial=best) for result in results)
    return best / 100, min(1.0, 3 * highest)


def boxes_figure(
    images: Sequence[np.ndarray],
    truths: Sequence[Truth],
    founds: Sequence[Found],
    class_names: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    thresholds: float | np.ndarray = 0.5,
    title: str = "",
) -> Figure:
    """Draw pictures twice: with the true boxes, and with those found. Two examples stand side by side from three on.

    Args:
        images: uint8 [H, W, 3] each, RGB.
        truths: the true boxes of each; those that do not count are dashed grey.
        founds: the boxes found in each.
        class_names: names of the classes, by index; a class has one colour everywhere.
        names: written beside each pair.
        thresholds: least score of a found box that is drawn: one number, or one for each class [K]; of a picture's
            boxes at most the 40 surest are.
        title: line above the figure.

    Raises:
        ValueError: no images, or lists of different lengths.
    """
    count = len(images)
    names = names if names is not None else [""] * count
    if not count or not len(truths) == len(founds) == len(names) == count:
        raise ValueError(
            f"pictures of boxes need as many truths, founds and names as images, and one at least; "
            f"got {count}, {len(truths)}, {len(founds)}, {len(names)}"
        )
    shown = [_surest(found, np.broadcast_to(thresholds, len(class_names))) for found in founds]
    groups = 2 if count > 2 else 1
    rows = -(-count // groups)
    aspect = float(np.median([image.shape[0] / image.shape[1] for image in images]))
    side = 2.9
    present = sorted({int(index) for boxes in (*truths, *shown) for index in boxes.classes})
    entries = present[:MOST_IN_LEGEND]
    lines = -(-len(entries) // 6)
    width = groups * 2 * side + (groups - 1) * 0.2 + 0.3
    figure = new_figure(width, rows * side * aspect + 0.35 + 0.25 * lines + (0.3 if title else 0))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    grid = figure.add_gridspec(rows, 3 * groups - 1, width_ratios=([1, 1, 0.06] * groups)[:-1])
    colours = class_colours(len(class_names)) / 255
    for index, (image, truth, found, name) in enumerate(zip(images, truths, shown, names)):
        group, row = divmod(index, rows)
        sides = (
            (truth.boxes, truth.classes, None, truth.ignored),
            (found.boxes, found.classes, found.scores, np.zeros(len(found.boxes), bool)),
        )
        for column, (boxes, classes, scores, uncounted) in enumerate(sides):
            axes = frame(figure.add_subplot(grid[row, 3 * group + column]))
            axes.imshow(image, interpolation="antialiased", aspect="equal")
            _draw_boxes(axes, image.shape[:2], boxes, classes, scores, uncounted, class_names, colours)
            if row == 0:
                axes.set_title(("Truth", "Found")[column], fontsize=10, color=INK, pad=4)
            if column == 0 and name:
                axes.set_ylabel(shortened(str(name)), fontsize=7, color=INK, labelpad=3)
    patches = [Patch(color=colours[index], label=shortened(class_names[index])) for index in entries]
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=-(-len(entries) // lines), **LEGEND)
    return figure


def _surest(found: Found, thresholds: np.ndarray) -> Found:
    """Give the boxes that reach the threshold of their class, surest first, and not too many."""
    order = np.argsort(-found.scores, kind="stable")
    order = order[(found.scores >= thresholds[found.classes])[order]][:MOST_FOUND]
    return Found(found.boxes[order], found.scores[order], found.classes[order])


def _draw_boxes(axes, shape, boxes, classes, scores, uncounted, class_names, colours):
    """Frame boxes; name them, or where there are many, give their scores alone."""
    named = len(boxes) <= MOST_NAMED
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        colour = UNCOUNTED if uncounted[index] else colours[classes[index]]
        corner, size = (x0 - 0.5, y0 - 0.5), (x1 - x0, y1 - y0)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="white", linewidth=2.2, alpha=0.7))
        style = "--" if uncounted[index] else "-"
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=1.3, linestyle=style))
        words = [shortened(class_names[classes[index]], 16)] if named else []
        words += [_score(scores[index])] if scores is not None else []
        if words:
            axes.text(
                x0,
                y0,
                " ".join(words),
                fontsize=5.5 if named else 4.5,
                color="white",
                # Above the box, where there is room: a small object would vanish behind its name.
                va="bottom" if y0 > 0.06 * shape[0] else "top",
                clip_on=True,
                parse_math=False,
                bbox={
                    "facecolor": UNCOUNTED if uncounted[index] else colours[classes[index]] * 0.75,
                    "edgecolor": "none",
                    "pad": 0.7,
                },
            )
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))


def _score(value: float) -> str:
    """Write a score with two digits: those of ranking losses can all be small."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


_HEADING = {"fontsize": 10, "color": INK, "loc": "left"}
