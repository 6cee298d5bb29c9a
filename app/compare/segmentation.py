"""Segmentation in a comparison's report: three kinds of mIoU, and the IoU of each class."""

from collections.abc import Sequence

from ...trainers.comparison import Comparison
from ...trainers.metrics.catalogue import Metric
from ..page.html import folded
from .classes import by_class, class_figures
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
        "dataset_miou_present", "batch_miou_present", "image_miou_present", "class_image_miou", "worst_image_miou",
        "worst_class_image_miou", "boundary_miou", "dataset_miou", "batch_miou", "image_miou", "pixel_accuracy",
    )  # fmt: skip

    def figures(self, comparison: Comparison, rows: Sequence[LabelledRow]) -> list[str]:
        """Draw the IoU of each class, and lay it out."""
        tables = []
        for name in comparison.tests:
            figures = [by_class(row.outcomes, name, "iou") for row in rows]
            there = dict.fromkeys(kind for known in figures for kind in known)
            columns = [Metric(kind, kind, ".3f", True, "") for kind in there]
            tables.append(folded(f"IoU by class on {name}", spread_table(rows, columns, figures)))
        return [*class_figures(comparison, rows, "iou", "IoU over all pixels"), *tables]
