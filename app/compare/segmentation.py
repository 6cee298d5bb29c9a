"""Segmentation in a comparison's report: three kinds of mIoU, and the IoU of each class."""

from collections.abc import Sequence

import numpy as np

from ...trainers.comparison import Comparison, Outcome
from ...trainers.comparison.spread import Spread, spreads
from ...trainers.figures.comparison import classes_figure, colour_of
from ...trainers.metrics.catalogue import Metric
from ..page.html import figure, folded, grid, legend
from ..page.svg import to_svg
from .presentation import Presentation
from .tables import LabelledRow, spread_table


class SegmentationPresentation(Presentation):
    """Means over the classes first, then each class; there is no threshold."""

    heading = "The main figures"
    opening = (
        "Classes are taken by the highest score, so there is no threshold to choose, and scaling the logits changes "
        "nothing."
    )
    lead = ("dataset_miou_present",)
    columns = (
        "dataset_miou_present", "batch_miou_present", "image_miou_present", "dataset_miou", "batch_miou", "image_miou",
        "pixel_accuracy",
    )  # fmt: skip

    def figures(self, comparison: Comparison, rows: Sequence[LabelledRow]) -> list[str]:
        """Draw the IoU of each class, and lay it out."""
        drawn, tables = [], []
        for number, name in enumerate(comparison.tests):
            figures = [_class_iou(row.outcomes, name) for row in rows]
            there = list(dict.fromkeys(kind for known in figures for kind in known))
            means = [np.array([known[kind].mean if kind in known else np.nan for kind in there]) for known in figures]
            dots = [(row.text, colour_of(row.place), mean) for row, mean in zip(rows, means)]
            shown = classes_figure(dots, there, xlabel="IoU over all pixels")
            svg = to_svg(shown, f"classes{number}", f"IoU by class on {name}")
            drawn.append(figure(svg, f"{name}. Means over the seeds; a line from the lowest to the highest loss."))
            columns = [Metric(kind, kind, ".3f", True, "") for kind in there]
            tables.append(folded(f"IoU by class on {name}", spread_table(rows, columns, figures)))
        return ["<h2>Each class</h2>", legend(rows), grid(drawn), *tables]


def _class_iou(outcomes: Sequence[Outcome], name: str) -> dict[str, Spread]:
    return spreads(
        {kind: figures["iou"] for kind, figures in outcome.sets[name]["classes"].items() if "iou" in figures}
        for outcome in outcomes
    )
