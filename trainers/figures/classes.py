"""The pictures of a segmentation: class maps beside the true ones, IoU by class, confusion of the classes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..colours import class_palette
from ..geometry import IGNORE
from ..metrics.catalogue import CATALOGUE
from ..metrics.jaccard import JaccardResult
from .panels import Look, Picture, panel_grid, shows
from .style import COLOURS, IGNORED, INK, LEGEND, bare, frame, new_figure, shortened

MOST_IN_LEGEND = 24
MOST_WITH_NUMBERS = 24  # of more classes a confusion matrix shows shades alone
_LOOK = Look(("Image", "Truth", "Prediction"), side=2.1, most=3)


def label_panels_figure(pictures: Sequence[Picture], class_names: Sequence[str], *, title: str = "") -> Figure:
    """Draw one row an example, its true and predicted classes integer [H, W]; the legend has those that are seen."""
    labels, predictions = [one.truth for one in pictures], [one.found for one in pictures]
    seen = sorted({int(value) for part in (*labels, *predictions) for value in np.unique(part)} - {IGNORE})
    colours = class_palette(class_names) / 255
    patches = [Patch(color=colours[index], label=shortened(class_names[index])) for index in seen[:MOST_IN_LEGEND]]
    if len(seen) > MOST_IN_LEGEND:
        patches.append(Patch(alpha=0, label=f"and {len(seen) - MOST_IN_LEGEND} more"))
    if any((part == IGNORE).any() for part in labels):
        patches.append(Patch(color=IGNORED, label="ignored"))
    table = np.full((256, 3), IGNORED)  # RGB in [0, 1]
    table[: len(colours)] = colours
    table[IGNORE] = IGNORED
    cells = [[shows(picture) for picture in (image, table[truth], table[found])] for image, truth, found, _ in pictures]
    columns = 4 * _LOOK.groups(len(pictures))
    return panel_grid(_LOOK, pictures, cells, patches=patches, legend_columns=columns, title=title)


def class_iou_figure(result: JaccardResult, label: str, *, title: str = "") -> Figure:
    """Draw the IoU of each class as bars, and the mean over the classes that the data have."""
    mean, iou = CATALOGUE["dataset_miou_present"], CATALOGUE["iou"]
    values = {name: scores["iou"] for name, scores in result.class_scalars.items() if "iou" in scores}
    figure = new_figure(6.4, 1.2 + len(values) * 0.26)
    axes = bare(figure.add_subplot())
    axes.grid(visible=False, axis="y")
    score = f"{mean.heading} {mean.text(result.dataset_miou_present)}"
    axes.barh(range(len(values)), list(values.values()), 0.736, color=COLOURS[0], label=f"{label}: {score}")
    axes.axvline(result.dataset_miou_present, color=COLOURS[0], linewidth=1, linestyle=":")
    for place, value in enumerate(values.values()):
        axes.text(value + 0.008, place, f"{value:.2f}", va="center", fontsize=7, color=INK)
    axes.set_yticks(range(len(values)), [shortened(name) for name in values])
    about = f"{iou.heading} over all pixels; dotted: mean of the classes"
    axes.set(xlim=(0, 1.07), ylim=(len(values) - 0.5, -0.5), xticks=np.linspace(0, 1, 6), xlabel=about)
    figure.legend(loc="outside upper left", title=title or None, alignment="left", **LEGEND)
    return figure


def confusion_figure(result: JaccardResult, *, title: str = "") -> Figure:
    """Draw which share of each class' pixels is predicted as which class; each row adds up to 1."""
    total = result.confusion.sum(axis=1, keepdims=True)
    shares = np.divide(result.confusion, total, out=np.full(result.confusion.shape, np.nan), where=total > 0)
    count = len(shares)
    side = max(3.0, 0.38 * count)
    figure = new_figure(side + 2.0, side + 1.3, title)
    axes = frame(figure.add_subplot())
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [shortened(name, 16) for name in result.class_names]
    axes.set_xticks(np.arange(count), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(count), names)
    axes.tick_params(length=0, labelsize=8, labelcolor=INK)
    # Of the figure, since the layout forgets an axis' own name beside the names of its ticks here.
    figure.supxlabel("Predicted", fontsize=9.5, color=INK)
    figure.supylabel("True", fontsize=9.5, color=INK)
    if count <= MOST_WITH_NUMBERS:
        for row, column in np.argwhere(shares >= 0.005):
            value = shares[row, column]
            text = axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=7)
            text.set_color("white" if value > 0.55 else INK)
    bar = figure.colorbar(shown, ax=axes, fraction=0.04, pad=0.02, format=lambda value, _: f"{value:.0%}")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=INK)
    bar.set_label("Share of the true class", fontsize=8.5, color=INK)
    return figure
