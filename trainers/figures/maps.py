"""The pictures of a training: F-measure over thresholds, image | mask | prediction panels, history.

Figures are plain `matplotlib.figure.Figure` objects drawn by Agg: no display, no pyplot, no global state.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..files import written_beside
from ..metrics.histogram import THRESHOLDS
from .style import (
    COLOURS,
    DASH_DOTTED,
    DASHED,
    DOTTED,
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

IGNORED = (0.62, 0.62, 0.62)
TITLES = {
    "loss": "Loss",
    "max_f": "MaxF",
    "mean_f": "MeanF",
    "mae": "MAE",
    "dataset_miou": "Dataset mIoU",
    "dataset_miou_present": "Dataset mIoU, classes present",
    "batch_miou": "Batch mIoU",
    "batch_miou_present": "Batch mIoU, classes present",
    "image_miou": "Image mIoU",
    "image_miou_present": "Image mIoU, classes present",
    "pixel_accuracy": "Pixel accuracy",
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap90": "AP90",
    "olrp": "oLRP",
    "olrp_localization": "oLRP: localisation",
    "olrp_false_positives": "oLRP: false positives",
    "olrp_false_negatives": "oLRP: false negatives",
    "f1": "F1",
    "rho": "Rank correlation ρ",
    "classification_loss": "Loss of scores",
    "localization_loss": "Loss of boxes",
    "box_weight": "Weight of boxes' loss",
    "mean_to_max": "MeanF / MaxF",
    "optimal_threshold": "Optimal threshold",
    "band_width": "Width of the 1 % band",
    "polarisation": "Polarisation",
    "learning_rate": "Learning rate",
}
NOT_IN_HISTORY = (
    "ap_small", "ap_medium", "ap_large", "ar", "lrp", "lrp_threshold", "f1_threshold", "mean_f1",
    "band_low", "band_high",
)  # fmt: skip
"""What is logged each epoch, and would make the history's figure too large."""
_TIMES = ("seconds", "training_seconds")


def threshold_figure(results: Mapping[str, object], *, title: str = "") -> Figure:
    """Draw precision, recall and F-measure over the threshold (as Fig. 3 and 4 of the FLoss paper).

    Args:
        results: `FMeasureResult` by label, e.g. of several losses; at most seven.
        title: line above the figure.

    Returns:
        A figure: precision dotted, recall dash-dotted, F-measure solid, MaxF a circle, and shaded the band of
        thresholds within 1 % of MaxF.

    Raises:
        ValueError: no results, or more than there are colours.
    """
    if not 1 <= len(results) <= len(COLOURS):
        raise ValueError(f"a threshold figure shows 1 to {len(COLOURS)} results, got {len(results)}")
    figure, axes = threshold_axes(len(results), xlim=(0, 1), xlabel="Threshold", ylabel="Precision, recall, F-measure")
    scores = {}
    for index, ((label, result), colour) in enumerate(zip(results.items(), COLOURS)):
        draw_band(axes, result.band, colour, index, len(results))
        axes.plot(THRESHOLDS, result.precision, color=colour, linewidth=1.3, linestyle=DOTTED)
        axes.plot(THRESHOLDS, result.recall, color=colour, linewidth=1.1, linestyle=DASH_DOTTED)
        axes.plot(THRESHOLDS, result.f, color=colour, linewidth=2.2)
        optimum = [result.optimal_threshold], [result.max_f]
        axes.plot(*optimum, "o", markersize=8, markeredgewidth=1.8, color=colour, mfc="white", zorder=5)
        scores[label] = f"MaxF {result.max_f:.3f} at {result.optimal_threshold:.2f}, MeanF {result.mean_f:.3f}"
    styles = [
        Line2D([], [], color=INK, linewidth=2.2, label="F-measure"),
        Line2D([], [], color=INK, linewidth=1.3, linestyle=DOTTED, label="precision"),
        Line2D([], [], color=INK, linewidth=1.1, linestyle=DASH_DOTTED, label="recall"),
        Line2D([], [], color=INK, marker="o", mfc="white", linestyle="", markersize=7, label="MaxF"),
        Line2D([], [], color=INK, linewidth=4, alpha=0.6, label="within 1 % of MaxF"),
    ]
    threshold_legends(figure, axes, styles, scores, title)
    return figure


def panels_figure(
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray | None],
    predictions: Sequence[np.ndarray],
    names: Sequence[str] | None = None,
    *,
    ignore: int = 255,
    title: str = "",
) -> Figure:
    """Draw one row an example: image, mask, prediction. Two examples stand side by side from five on.

    Args:
        images: uint8 [H, W, 3] each, RGB.
        masks: integer [H, W] each with 0, 1 and `ignore` (drawn grey), or None where unknown.
        predictions: float [H, W] each, in [0, 1].
        names: written beside each row.
        ignore: the mask value of pixels that do not count.
        title: line above the figure.

    Raises:
        ValueError: no images, or lists of different lengths.
    """
    count = len(images)
    names = names if names is not None else [""] * count
    if not count or not len(masks) == len(predictions) == len(names) == count:
        raise ValueError(
            f"panels need as many masks, predictions and names as images, and one at least; "
            f"got {count}, {len(masks)}, {len(predictions)}, {len(names)}"
        )
    groups = 2 if count > 4 else 1
    rows = -(-count // groups)
    aspect = float(np.median([image.shape[0] / image.shape[1] for image in images]))
    side = 1.75
    width = groups * 3 * side + (groups - 1) * 0.2 + 0.3
    figure = new_figure(width, rows * side * aspect + 0.35 + (0.3 if title else 0))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    ratios = ([1, 1, 1, 0.08] * groups)[:-1]
    grid = figure.add_gridspec(rows, 4 * groups - 1, width_ratios=ratios)
    for index, (image, mask, prediction, name) in enumerate(zip(images, masks, predictions, names)):
        group, row = divmod(index, rows)
        for column, picture in enumerate((image, _mask_picture(mask, image.shape[:2], ignore), prediction)):
            axes = frame(figure.add_subplot(grid[row, 4 * group + column]))
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
            if row == 0:
                axes.set_title(("Image", "Mask", "Prediction")[column], fontsize=10, color=INK, pad=4)
            if column == 0 and name:
                axes.set_ylabel(shortened(str(name)), fontsize=7, color=INK, labelpad=3)
    return figure


def history_figure(rows: Iterable[Mapping[str, object]], *, title: str = "") -> Figure:
    """Draw what changed over the epochs: one plot a quantity, training and validation (`val_...`) together.

    `NOT_IN_HISTORY` is left out.

    Args:
        rows: one mapping an epoch with `epoch` and numbers or their texts, as in history.csv; empty texts are left out.
        title: line above the figure.

    Raises:
        ValueError: no rows.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a history figure needs at least one epoch, got no rows")
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in ("epoch", *_TIMES)]
    quantities = [
        name for name in dict.fromkeys(key.removeprefix("val_") for key in keys) if name not in NOT_IN_HISTORY
    ]
    order = list(TITLES)
    quantities.sort(key=lambda name: order.index(name) if name in order else len(order))
    columns = min(3, len(quantities))
    lines = -(-len(quantities) // columns)
    figure = new_figure(3.2 * columns, 2.3 * lines + 0.4)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    epochs = np.array([float(row.get("epoch", index + 1)) for index, row in enumerate(rows)])
    for place, quantity in enumerate(quantities, start=1):
        axes = bare(figure.add_subplot(lines, columns, place))
        for key, colour, style in ((quantity, COLOURS[0], DASHED), (f"val_{quantity}", COLOURS[1], "-")):
            values = np.array([float(row[key]) if row.get(key) not in (None, "") else np.nan for row in rows])
            # An epoch that was not measured must not tear the line.
            there = np.isfinite(values)
            if there.any():
                marker = "o" if there.sum() < 3 else None
                axes.plot(epochs[there], values[there], color=colour, linestyle=style, marker=marker, ms=4)
        axes.set_title(TITLES.get(quantity, quantity.replace("_", " ")), fontsize=10, color=INK)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(x=0.02)
        if place > len(quantities) - columns:
            axes.set_xlabel("Epoch")
    handles = [
        Line2D([], [], color=COLOURS[0], linestyle=DASHED, label="training"),
        Line2D([], [], color=COLOURS[1], label="validation"),
    ]
    has_validation = any(key.startswith("val_") for key in keys)
    figure.legend(handles=handles[: 1 + has_validation], loc="outside lower center", ncols=2, **LEGEND)
    return figure


def save(figure: Figure, path: str | Path, *, dpi: int = 150) -> Path:
    """Write a figure beside `path`, then rename it there; the suffix gives the format. Return the path."""
    with written_beside(path) as beside:
        figure.savefig(beside, dpi=dpi)
    return Path(path)


def to_png_array(figure: Figure, *, dpi: int = 100) -> np.ndarray:
    """Draw a figure as uint8 [H, W, 3], RGB: what an image summary takes."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _mask_picture(mask, shape, ignore):
    """Give RGB in [0, 1]: black, white, and grey where ignored; all grey where there is no mask."""
    if mask is None:
        return np.full((*shape, 3), IGNORED)
    mask = np.asarray(mask)
    picture = np.repeat((mask == 1).astype(np.float64)[..., None], 3, axis=-1)
    picture[mask == ignore] = IGNORED
    return picture
