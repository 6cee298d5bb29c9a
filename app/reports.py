"""What the verbs print and write at their end: tables of figures, and a line for each thing made."""

import csv
import io
from pathlib import Path

from ..trainers.files import write_text

# Key in a report's scalars, heading, and digits.
SALIENCY_COLUMNS = (
    ("max_f", "MaxF", ".3f"),
    ("mean_f", "MeanF", ".3f"),
    ("mae", "MAE", ".3f"),
    ("mean_to_max", "MeanF/MaxF", ".3f"),
    ("optimal_threshold", "threshold", ".2f"),
    ("band_low", "band from", ".2f"),
    ("band_high", "to", ".2f"),
    ("polarisation", "polarised", ".3f"),
)

SEGMENTATION_COLUMNS = (
    ("dataset_miou_present", "mIoU", ".3f"),
    ("batch_miou_present", "by batch", ".3f"),
    ("image_miou_present", "by image", ".3f"),
    ("dataset_miou", "mIoU, 0/0 = 1", ".3f"),
    ("batch_miou", "by batch", ".3f"),
    ("image_miou", "by image", ".3f"),
    ("pixel_accuracy", "accuracy", ".3f"),
)
SEGMENTATION_CLASS_COLUMNS = (
    ("iou", "IoU", ".3f"),
    ("recall", "recall", ".3f"),
    ("precision", "precision", ".3f"),
    ("share", "of pixels", ".2%"),
)

DETECTION_COLUMNS = (
    ("ap", "AP", ".3f"),
    ("ap50", "AP50", ".3f"),
    ("ap75", "AP75", ".3f"),
    ("ap90", "AP90", ".3f"),
    ("olrp", "oLRP", ".3f"),
    ("f1", "F1", ".3f"),
    ("f1_threshold", "threshold", ".3g"),
    ("band_low", "band from", ".3g"),
    ("band_high", "to", ".3g"),
)
AP_COLUMNS = (
    *DETECTION_COLUMNS[:4],
    ("ap_small", "small", ".3f"),
    ("ap_medium", "medium", ".3f"),
    ("ap_large", "large", ".3f"),
    ("ar", "AR", ".3f"),
    ("rho", "rho", ".2f"),
)
OLRP_COLUMNS = (
    ("olrp", "oLRP", ".3f"),
    ("olrp_localization", "localisation", ".3f"),
    ("olrp_false_positives", "false pos.", ".3f"),
    ("olrp_false_negatives", "missed", ".3f"),
)
THRESHOLD_COLUMNS = DETECTION_COLUMNS[-4:]
CLASS_COLUMNS = (*DETECTION_COLUMNS[:3], *OLRP_COLUMNS, ("threshold", "threshold", ".3g"))
BOUND_COLUMNS = (("rho", "rho", ".2f"), *DETECTION_COLUMNS[:4])


def detection_tables(label: str, report) -> str:
    """Lay out a `DetectionReport`: AP, oLRP and threshold, the classes, and the bounds where they were measured."""
    tables = [
        table([(label, report.scalars)], AP_COLUMNS),
        table([(label, report.scalars)], (*OLRP_COLUMNS, *THRESHOLD_COLUMNS)),
        table(list(report.class_scalars.items()), CLASS_COLUMNS),
    ]
    if report.bounds:
        rows = [
            ("as scored", report.scalars),
            ("scored against IoU", {**report.bounds.lower, "rho": -1.0}),
            ("scored by IoU", {**report.bounds.upper, "rho": 1.0}),
        ]
        tables.append(table(rows, BOUND_COLUMNS))
    return "\n\n".join(tables)


def segmentation_tables(label: str, report) -> str:
    """Lay out a `SegmentationReport`: the means, and the classes."""
    return "\n\n".join(
        [
            table([(label, report.scalars)], SEGMENTATION_COLUMNS),
            table(list(report.class_scalars.items()), SEGMENTATION_CLASS_COLUMNS),
        ]
    )


def table(rows: list[tuple[str, dict]], columns=SALIENCY_COLUMNS) -> str:
    """Lay out labelled figures as text.

    Args:
        rows: label and figures; a missing figure shows as "-".
        columns: key, heading and number format of each column.
    """
    cells = [["", *(heading for _, heading, _ in columns)]]
    for label, values in rows:
        cells.append([label, *(format(values[key], form) if key in values else "-" for key, _, form in columns)])
    return grid(cells)


def grid(cells: list[list[str]]) -> str:
    """Align text cells: the first column to the left, the others to the right."""
    widths = [max(len(str(row[column])) for row in cells) for column in range(len(cells[0]))]
    lines = []
    for row in cells:
        first, rest = str(row[0]).ljust(widths[0]), [str(cell).rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def made(paths) -> str:
    """One line for each thing made, with its path."""
    return "\n".join(f"made  {path}" for path in paths)


def write_csv(path, rows: list[dict]) -> Path:
    """Write rows with equal keys as a CSV file, whole or not at all; gives its path."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_text(path, text.getvalue())
