"""The columns of a comparison's tables, by task."""

from typing import NamedTuple

from ...trainers.comparison import Row
from ...trainers.comparison.spread import Spread
from .page import swatch, table


class Column(NamedTuple):
    """A column: the key of its figures, what stands above it, how it is written, and whether more or less is better."""

    key: str
    heading: str
    form: str = ".3f"
    better: int = 1


LEAD = {
    "saliency": (Column("max_f", "MaxF"),),
    "segmentation": (Column("dataset_miou_present", "mIoU"),),
    "detection": (Column("ap", "AP"), Column("olrp", "oLRP", better=-1)),
}
"""What the report begins with, for each test set."""

LEAD_OVERALL = {
    "saliency": (
        Column("transfer_loss", "F lost by the best threshold of another set", ".4f", -1),
        Column("worst_transfer_loss", "at worst, best threshold", ".4f", -1),
        Column("middle_transfer_loss", "F lost by the middle of another set's band", ".4f", -1),
        Column("worst_middle_transfer_loss", "at worst, middle of the band", ".4f", -1),
        Column("f_half_loss", "F lost at threshold 0.5", ".4f", -1),
    ),
    "segmentation": (),
    "detection": (
        Column("transfer_loss", "F1 lost by the best threshold of another set", ".4f", -1),
        Column("worst_transfer_loss", "at worst, best threshold", ".4f", -1),
        Column("middle_transfer_loss", "F1 lost by the middle of another set's band", ".4f", -1),
        Column("worst_middle_transfer_loss", "at worst, middle of the band", ".4f", -1),
    ),
}
"""Behind it, over all test sets."""

COLUMNS = {
    "saliency": (
        Column("max_f", "MaxF"),
        Column("mean_f", "MeanF"),
        Column("mae", "MAE", better=-1),
        Column("mean_to_max", "MeanF / MaxF"),
        Column("optimal_threshold", "best thr.", ".2f", 0),
        Column("band_width", "band width"),
        Column("transferred", "F, thr. of selection"),
        Column("transfer_loss", "F lost, thr. of others", ".4f", -1),
        Column("middle_transfer_loss", "F lost, mid-band of others", ".4f", -1),
        Column("f_half", "F at 0.5"),
        Column("image_iou_half", "image IoU at 0.5"),
        Column("image_iou_picked", "image IoU, thr. of selection"),
    ),
    "segmentation": (
        Column("dataset_miou_present", "mIoU"),
        Column("batch_miou_present", "batch mIoU"),
        Column("image_miou_present", "image mIoU"),
        Column("dataset_miou", "mIoU, 0/0 = 1"),
        Column("batch_miou", "batch mIoU, 0/0 = 1"),
        Column("image_miou", "image mIoU, 0/0 = 1"),
        Column("pixel_accuracy", "accuracy"),
    ),
    "detection": (
        Column("ap", "AP"),
        Column("ap50", "AP50"),
        Column("ap75", "AP75"),
        Column("olrp", "oLRP", better=-1),
        Column("olrp_localization", "localis.", better=-1),
        Column("olrp_false_positives", "false pos.", better=-1),
        Column("olrp_false_negatives", "missed", better=-1),
        Column("f1", "F1"),
        Column("f1_threshold", "best thr.", ".3g", 0),
        Column("transferred", "F1, thr. of selection"),
        Column("transfer_loss", "F1 lost, thr. of others", ".4f", -1),
        Column("middle_transfer_loss", "F1 lost, mid-band of others", ".4f", -1),
    ),
}
"""Of the table of each test set."""


def spread_table(rows: dict[str, tuple[int, bool]], columns, figures: list[dict[str, Spread]], first="Loss") -> str:
    """Lay out mean and spread of figures, the best of each column marked.

    Args:
        rows: the label of each row, with its colour and whether it is dashed; see `report_html.swatch`.
        columns: a `Column` each.
        figures: of each row, by key; what a row lacks shows as a dash.
        first: what stands above the labels.
    """
    best = [_best(column, figures) for column in columns]
    lines = []
    for (label, row), known in zip(rows.items(), figures):
        cells = []
        for column, top in zip(columns, best):
            text = known[column.key].text(column.form) if column.key in known else "–"
            cells.append((text, text.split(" ± ")[0] == top))
        lines.append((swatch(row) + label, cells))
    return table([first, *(column.heading for column in columns)], lines)


def _best(column: Column, figures: list[dict[str, Spread]]) -> str | None:
    """Give the text of the best mean; None where it says nothing, as most rows share it."""
    means = [known[column.key].mean for known in figures if column.key in known]
    if not column.better or len(means) < 2:
        return None
    best = format(max(means, key=lambda mean: column.better * mean), column.form)
    shared = sum(format(mean, column.form) == best for mean in means)
    return best if shared <= len(means) / 2 else None


def row_label(row: Row) -> str:
    """Call a row by its loss, and by the mean factor on its logits where it is the control."""
    if not row.scales:
        return row.label
    low, high = min(row.scales), max(row.scales)
    return f"{row.label} ×{low:g}" + (f" to ×{high:g}" if high > low else "")
