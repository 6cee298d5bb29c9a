"""Detection in a comparison's report: LRP and F1 over the threshold, and how evenly positives and negatives pull."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...trainers.comparison import Comparison, Outcome
from ...trainers.figures.comparison import lines_figure, over_epochs_figure
from ...trainers.figures.thresholds import NEAR_ZERO
from ...trainers.metrics.catalogue import Metric
from ...trainers.metrics.histogram import THRESHOLDS
from ..page.html import figure, grid, legend, paragraph
from ..page.svg import to_svg
from .classes import class_figures, confusion_sections, interval_tables
from .presentation import Presentation, line_of
from .tables import LabelledRow


class DetectionPresentation(Presentation):
    """AP and oLRP, which hang on the order of the scores alone, and what thresholds of F1 lose."""

    opening = (
        "AP and oLRP depend on the order of the scores alone. A threshold does not: the loss is that of F1 at the "
        "threshold that is best on another set, or at the middle of its band (the thresholds around the best one with "
        "at least 99 % of its F1), against the set's own best one, averaged over the test sets and, for each, over the "
        "other sets, the selection split among them. It is what one lives with who deploys a detector."
    )
    lead = ("ap", "olrp")
    overall = ("transfer_loss", "worst_transfer_loss", "middle_transfer_loss", "worst_middle_transfer_loss")
    columns = (
        "ap", "ap50", "ap75", "ap90", "olrp", "step_ms", "olrp_localization", "olrp_false_positives",
        "olrp_false_negatives", "f1", "transferred", "transfer_loss", "middle_transfer_loss",
    )  # fmt: skip
    score = "F1"

    def metric(self, key: str) -> Metric:
        """Give a figure of the catalogue; the F that thresholds lose is F1 here."""
        found = super().metric(key)
        heading, narrow = (re.sub(r"^F\b", self.score, text) for text in (found.heading, found.narrow))
        return replace(found, heading=heading, narrow=narrow)

    def figures(self, comparison: Comparison, rows: Sequence[LabelledRow]) -> list[str]:
        """Draw LRP and F1 over the threshold, the classes, and the balance of the gradients."""
        parts = []
        for key, heading, mark in (("lrp_curve", "LRP", "min"), ("f1_curve", "F1", "max")):
            drawn = []
            for number, name in enumerate(comparison.tests):
                at, near_zero = _thresholds(rows, name)
                lines = [line_of(row, [_curve_at(one, name, key, at) for one in row.outcomes], at) for row in rows]
                look = {"xlabel": "Score threshold", "ylim": (0, 1.02), "xscale": "log" if near_zero else "linear"}
                shown = lines_figure(lines, mark=mark, ylabel=heading, **look)
                svg = to_svg(shown, f"{key}{number}", f"{heading} over the score threshold on {name}")
                drawn.append(figure(svg, f"{name}. Circles: the best; shades: lowest to highest of the seeds."))
            text = "Of all classes together, under one threshold." + " Less is better." * (mark == "min")
            parts += [f"<h2>{heading} over the threshold</h2>", paragraph(text), legend(rows), grid(drawn)]
        parts += class_figures(comparison, rows, "ap", "AP") + interval_tables(comparison, rows)
        return [*parts, *confusion_sections(comparison, rows), *_balance(rows)]


def _thresholds(rows: Sequence[LabelledRow], name: str) -> tuple[np.ndarray, bool]:
    """Choose abscissas: even ones, or logarithmic where some loss puts its scores near 0."""
    best = [outcome.figures(name).get("f1_threshold", 1.0) for row in rows for outcome in row.outcomes]
    if min(best) > NEAR_ZERO:
        return THRESHOLDS.astype(np.float64), False
    return np.geomspace(max(min(best) / 100, 1e-12), 1, 400), True


def _curve_at(outcome: Outcome, name: str, key: str, thresholds: np.ndarray) -> np.ndarray:
    curves = outcome.sets[name]["curves"]
    places = np.searchsorted(curves["thresholds"], thresholds)
    return np.asarray(curves[key])[np.minimum(places, len(curves[key]) - 1)]


def _balance(rows: Sequence[LabelledRow]) -> list[str]:
    """Draw the balance of the gradients over the epochs, where the trainings recorded it."""
    lines = []
    for row in rows:
        curves = [outcome.record["watched"].get("gradient_balance", []) for outcome in row.outcomes]
        epochs = min(map(len, curves))
        if epochs:
            lines.append(line_of(row, [curve[:epochs] for curve in curves], np.arange(1, epochs + 1)))
    if not lines:
        return []
    text = (
        "Sum of |dL/ds| over the negatives by that over the positives, on held-out pictures, with respect to the "
        "logits (Fig. 4 of the aLRP paper): 1 is balanced. In the last epoch: "
        + ", ".join(f"{line.label} {line.mean[-1]:.3g}" for line in lines)
        + "."
    )
    if max(len(line.mean) for line in lines) < 2:  # a point is no line
        return ["<h2>Balance of the gradients</h2>", paragraph(text)]
    shown = over_epochs_figure(lines, ylabel="Negatives / positives")
    svg = to_svg(shown, "balance", "Balance of the gradients over the epochs")
    return ["<h2>Balance of the gradients</h2>", legend(rows), grid([figure(svg, text)])]
