"""Saliency in a comparison's report: F over the threshold, and what thresholds lose on other data."""

from collections.abc import Sequence

import numpy as np

from ...trainers.comparison import Comparison, Row
from ...trainers.figures.comparison import f_measure_figure, lines_figure
from ...trainers.tasks.saliency import HALF
from ..page.html import figure, folded, grid, legend, paragraph
from ..page.svg import to_svg
from .presentation import Presentation, curves_of, line_of
from .tables import LabelledRow


class SaliencyPresentation(Presentation):
    """MaxF and transferred thresholds first: scaling logits raises MeanF and lowers MAE for nothing."""

    opening = (
        "Multiplying a model's logits by a constant polarises its maps without any training: it raises MeanF and "
        "lowers MAE for nothing, as the row “logits scaled” shows, whose factor was picked by MeanF on the selection "
        "split. It moves neither MaxF (but for what 256 thresholds round away), nor F at threshold 0.5, nor what is "
        "lost when a threshold picked on one set is used on another. That loss is against the set's own best "
        "threshold, averaged over the test sets and, for each, over the other sets on which the threshold was picked, "
        "the selection split among them; it is what one lives with who deploys a model. There are two ways to pick a "
        "threshold: the best one of the other set, or the middle of its band, which are the thresholds around the best "
        "one with at least 99 % of its F. (On a flat curve chance decides which threshold is the best; its middle is "
        "far from where it falls.) All this is measured at thresholds that are even in the logits, from −16 to 16: the "
        "256 of the field all lie in the middle of a polarised map, whatever polarised it, and hide the loss."
    )
    lead = ("max_f",)
    overall = (
        "transfer_loss", "worst_transfer_loss", "middle_transfer_loss", "worst_middle_transfer_loss", "f_half_loss",
    )  # fmt: skip
    columns = (
        "max_f", "mean_f", "mae", "mean_to_max", "optimal_threshold", "band_width", "transferred", "transfer_loss",
        "middle_transfer_loss", "f_half", "image_iou_half", "image_iou_picked",
    )  # fmt: skip
    score = "F"

    def threshold(self, value: float) -> str:
        """Write a cut through logits, as a probability where that tells it from 0 and 1."""
        probability = 1 / (1 + np.exp(-value))
        return f"{probability:.3f}" if 0.001 <= probability <= 0.999 else f"logit {value:.3g}"

    def swept(self, rows: Sequence[Row], test: str) -> dict[str, np.ndarray]:
        """Give precision, recall and F at 0.5 (Fig. 4b of FLoss)."""
        curves = {"precision at 0.5": "precision", "recall at 0.5": "recall", "F at 0.5": "f"}
        return {
            label: np.array([[curve[HALF] for curve in curves_of(row.outcomes, test, key)] for row in rows])
            for label, key in curves.items()
        }

    def figures(self, comparison: Comparison, rows: Sequence[LabelledRow]) -> list[str]:
        """Draw F over the threshold (Fig. 3a of FLoss), and precision, recall and F of each row (Fig. 4a)."""
        drawn = []
        for number, name in enumerate(comparison.tests):
            lines = [line_of(row, curves_of(row.outcomes, name, "f")) for row in rows]
            shown = lines_figure(lines, xlabel="Threshold", ylabel="F-measure", mark="max")
            svg = to_svg(shown, f"f{number}", f"F-measure over the threshold on {name}")
            drawn.append(figure(svg, f"{name}. Circles: MaxF; shades: lowest to highest of the seeds."))
        text = "The flatter a curve, the less the choice of the threshold matters; scaling logits flattens it, too."
        parts = [
            "<h2>F-measure over the threshold</h2>", paragraph(text), legend(rows), grid(drawn),
            "<h2>Precision, recall and F over the threshold</h2>",
            paragraph("Dotted: precision; dash-dotted: recall; solid: F-measure, circle: MaxF; grey: cross-entropy."),
        ]  # fmt: skip
        plain = [row for row in rows if not row.row.entry.settings]
        baseline = next((row for row in plain if row.row.entry.loss == "cross_entropy"), rows[0])
        for number, name in enumerate(comparison.tests):
            panels = []
            for place, row in enumerate(rows):
                own, beside = (
                    [line_of(one, curves_of(one.outcomes, name, key)) for key in ("precision", "recall", "f")]
                    for one in (row, baseline)
                )
                shown = f_measure_figure(own, beside=() if row is baseline else beside)
                title = f"Precision, recall and F-measure of {row.text} on {name}"
                svg = to_svg(shown, f"pr{number}-{place}", title)
                panels.append(figure(svg, row.text))
            parts.append(folded(name, grid(panels, small=True), open_=number == 0))
        return parts
