"""What changed over the epochs of a training."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .style import COLOURS, DASHED, HEADING, LEGEND, bare, new_figure

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
_NOT_QUANTITIES = ("epoch", "seconds", "training_seconds")


def history_figure(rows: Iterable[Mapping[str, float | str | None]], *, title: str = "") -> Figure:
    """Draw one plot a quantity, training and validation (`val_...`) together; `NOT_IN_HISTORY` is left out.

    Args:
        rows: one mapping an epoch with `epoch` and numbers or their texts, as in history.csv; empty texts are left out.
        title: line above the figure.

    Raises:
        ValueError: no rows.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a history figure needs at least one epoch, got no rows")
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in _NOT_QUANTITIES]
    quantities = [
        name for name in dict.fromkeys(key.removeprefix("val_") for key in keys) if name not in NOT_IN_HISTORY
    ]
    order = list(TITLES)
    quantities.sort(key=lambda name: order.index(name) if name in order else len(order))
    columns = min(3, len(quantities))
    lines = -(-len(quantities) // columns)
    figure = new_figure(3.2 * columns, 2.3 * lines + 0.4, title)
    epochs = np.array([_number(row.get("epoch", index)) for index, row in enumerate(rows, start=1)])
    for place, quantity in enumerate(quantities, start=1):
        axes = bare(figure.add_subplot(lines, columns, place))
        for key, colour, style in ((quantity, COLOURS[0], DASHED), (f"val_{quantity}", COLOURS[1], "-")):
            values = np.array([_number(row.get(key)) for row in rows])
            # An epoch that was not measured must not tear the line.
            there = np.isfinite(values)
            if there.any():
                marker = "o" if there.sum() < 3 else None
                axes.plot(epochs[there], values[there], color=colour, linestyle=style, marker=marker, ms=4)
        axes.set_title(TITLES.get(quantity, quantity.replace("_", " ")), **HEADING)
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
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


def _number(value: float | str | None) -> float:
    return np.nan if value in (None, "") else float(value)
