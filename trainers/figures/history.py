"""What changed over the epochs of a training."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, Locator, MaxNLocator

from ..metrics.catalogue import CATALOGUE
from .style import COLOURS, DASHED, HEADING, LEGEND, bare, new_figure

NOT_IN_HISTORY = (
    "ap_small", "ap_medium", "ap_large", "ar", "lrp", "lrp_threshold", "f1_threshold", "mean_f1",
    "band_low", "band_high", "lrp_band_low", "lrp_band_high", "detection_ece", "laece_0", "laace_0",
    "pixel_ece", "temperature", "tempered_ece",
)  # fmt: skip
"""What is logged each epoch, and would make the history's figure too large."""
_NOT_QUANTITIES = ("epoch", "seconds", "training_seconds")


def history_figure(rows: Iterable[Mapping[str, float | str | None]], *, title: str = "") -> Figure:
    """Draw one plot a quantity, training and validation (`val_...`) together, of numbers or texts as in history.csv."""
    rows = list(rows)
    if not rows:
        raise ValueError("a history figure needs at least one epoch, got no rows")
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in _NOT_QUANTITIES]
    names = dict.fromkeys(key.removeprefix("val_") for key in keys)
    quantities = [name for name in names if name not in NOT_IN_HISTORY and not name.endswith("_error")]
    order = ["loss", *CATALOGUE]
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
        axes.set_title(CATALOGUE[quantity].title if quantity in CATALOGUE else quantity.replace("_", " "), **HEADING)
        axes.xaxis.set_major_locator(_whole_ticks(epochs))
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


def _whole_ticks(epochs: np.ndarray) -> Locator:
    """Choose ticks that are whole epochs; a single one has a tick of its own, for which Matplotlib takes fractions."""
    if len(epochs) == 1:
        return FixedLocator(epochs.tolist())
    return MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True)


def _number(value: float | str | None) -> float:
    return np.nan if value in (None, "") else float(value)
