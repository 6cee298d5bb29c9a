"""The figures of a comparison, by task, as parts of the report."""

import html

import numpy as np

from ...trainers.comparison import Comparison
from ...trainers.comparison.of_saliency import HALF
from ...trainers.comparison.spread import mean_curve, spreads
from ...trainers.figures.boxes import NEAR_ZERO
from ...trainers.figures.comparison import (
    Line,
    classes_figure,
    colour_of,
    lines_figure,
    precision_recall_figure,
    sweep_figure,
)
from ...trainers.metrics import THRESHOLDS
from .columns import COLUMNS, LEAD, Column, row_label, spread_table
from .page import figure, folded, grid, legend, paragraph
from .page_svg import to_svg


def line_of(row, colour: tuple[int, bool], curves: list, x=THRESHOLDS) -> Line:
    """Make a row's line of a curve of each of its seeds."""
    place, dashed = colour
    return Line(row_label(row), colour_of(place), dashed, np.asarray(x, np.float64), *mean_curve(curves))


def _curves(row, name: str, key: str) -> list:
    return [outcome.sets[name]["curves"][key] for outcome in row.outcomes]


def saliency_figures(comparison: Comparison, rows: dict) -> list[str]:
    """Draw F over the threshold (Fig. 3a of FLoss), and precision, recall and F of each row (Fig. 4a)."""
    drawn = []
    for number, name in enumerate(comparison.tests):
        lines = [line_of(row, rows[row_label(row)], _curves(row, name, "f")) for row in comparison.rows]
        svg = to_svg(
            lines_figure(lines, xlabel="Threshold", ylabel="F-measure", ylim=None, mark="max"),
            f"f{number}",
            f"F-measure over the threshold on {name}",
        )
        drawn.append(figure(svg, f"{name}. Circles: MaxF; shades: lowest to highest of the seeds."))
    text = "The flatter a curve, the less the choice of the threshold matters; scaling logits flattens it, too."
    parts = [
        "<h2>F-measure over the threshold</h2>", paragraph(text), legend(rows), grid(drawn),
        "<h2>Precision, recall and F over the threshold</h2>",
        paragraph("Dotted: precision; dash-dotted: recall; solid: F-measure, circle: MaxF; grey: cross-entropy."),
    ]  # fmt: skip
    keys = ("precision", "recall", "f")
    baseline = next((row for row in comparison.rows if row.entry.loss == "cross_entropy"), comparison.rows[0])
    for number, name in enumerate(comparison.tests):
        panels = []
        for place, row in enumerate(comparison.rows):
            label = row_label(row)
            own = [line_of(row, rows[label], _curves(row, name, key)) for key in keys]
            beside = [line_of(baseline, (0, False), _curves(baseline, name, key)) for key in keys]
            svg = to_svg(
                precision_recall_figure(*own, beside=() if row is baseline else beside),
                f"pr{number}-{place}",
                f"Precision, recall and F-measure of {label} on {name}",
            )
            panels.append(figure(svg, label))
        parts.append(folded(name, grid(panels, small=True), open_=number == 0))
    return parts


def segmentation_figures(comparison: Comparison, rows: dict) -> list[str]:
    """Draw the IoU of each class, and lay it out."""
    parts = ["<h2>Each class</h2>", legend(rows)]
    drawn, tables = [], []
    for number, name in enumerate(comparison.tests):
        figures = [_class_iou(row, name) for row in comparison.rows]
        there = list(dict.fromkeys(kind for known in figures for kind in known))
        dots = [
            (label, colour_of(place), np.array([known[kind].mean if kind in known else np.nan for kind in there]))
            for (label, (place, _)), known in zip(rows.items(), figures)
        ]
        svg = to_svg(
            classes_figure(dots, there, xlabel="IoU over all pixels"), f"classes{number}", f"IoU by class on {name}"
        )
        drawn.append(figure(svg, f"{name}. Means over the seeds; a line from the lowest to the highest loss."))
        table = spread_table(rows, [Column(kind, kind) for kind in there], figures)
        tables.append(folded(f"IoU by class on {name}", table))
    return [*parts, grid(drawn), *tables]


def _class_iou(row, name: str) -> dict:
    return spreads(
        {kind: figures["iou"] for kind, figures in outcome.sets[name]["classes"].items() if "iou" in figures}
        for outcome in row.outcomes
    )


def detection_figures(comparison: Comparison, rows: dict) -> list[str]:
    """Draw LRP and F1 over the threshold, and how evenly positives and negatives pull."""
    parts = []
    for key, heading, mark in (("lrp_curve", "LRP", "min"), ("f1_curve", "F1", "max")):
        drawn = []
        for number, name in enumerate(comparison.tests):
            thresholds, logarithmic = _thresholds(comparison, name)
            lines = [
                line_of(
                    row, rows[row_label(row)], [_at(one, name, key, thresholds) for one in row.outcomes], thresholds
                )
                for row in comparison.rows
            ]
            shown = lines_figure(lines, xlabel="Score threshold", ylabel=heading, mark=mark, logarithmic=logarithmic)
            svg = to_svg(shown, f"{key}{number}", f"{heading} over the score threshold on {name}")
            drawn.append(figure(svg, f"{name}. Circles: the best; shades: lowest to highest of the seeds."))
        text = "Of all classes together, under one threshold." + " Less is better." * (mark == "min")
        parts += [f"<h2>{heading} over the threshold</h2>", paragraph(text), legend(rows), grid(drawn)]
    return [*parts, *_balance(comparison, rows)]


def _thresholds(comparison: Comparison, name: str) -> tuple[np.ndarray, bool]:
    """Choose abscissas: even ones, or logarithmic where some loss puts its scores near 0."""
    best = [outcome.figures(name).get("f1_threshold", 1.0) for row in comparison.rows for outcome in row.outcomes]
    if min(best) > NEAR_ZERO:
        return THRESHOLDS.astype(np.float64), False
    return np.geomspace(max(min(best) / 100, 1e-12), 1, 400), True


def _at(outcome, name: str, key: str, thresholds: np.ndarray) -> np.ndarray:
    curves = outcome.sets[name]["curves"]
    places = np.searchsorted(curves["thresholds"], thresholds)
    return np.asarray(curves[key])[np.minimum(places, len(curves[key]) - 1)]


def _balance(comparison: Comparison, rows: dict) -> list[str]:
    """Draw the balance of the gradients over the epochs, where the trainings recorded it."""
    lines = []
    for row in comparison.rows:
        curves = [outcome.record["watched"].get("gradient_balance", []) for outcome in row.outcomes]
        epochs = min(map(len, curves))
        if epochs:
            curves = [curve[:epochs] for curve in curves]
            lines.append(line_of(row, rows[row_label(row)], curves, np.arange(1, epochs + 1)))
    if not lines:
        return []
    text = (
        "Sum of |dL/ds| over the negatives by that over the positives, on held-out pictures, with respect to the "
        "logits (Fig. 4 of the aLRP paper): 1 is balanced. In the last epoch: "
        + ", ".join(f"{line.label} {line.mean[-1]:.3g}" for line in lines)
        + "."
    )
    shown = lines_figure(lines, xlabel="Epoch", ylabel="Negatives / positives", ylim=None, logarithmic_y=True)
    svg = to_svg(shown, "balance", "Balance of the gradients over the epochs")
    return ["<h2>Balance of the gradients</h2>", legend(rows), grid([figure(svg, text)])]


FIGURES = {"saliency": saliency_figures, "segmentation": segmentation_figures, "detection": detection_figures}


def sweep_figures(comparison: Comparison) -> list[str]:
    """Draw and lay out what each hyperparameter does; for saliency precision and recall at 0.5 (Fig. 4b of FLoss)."""
    parts = []
    for (name, loss), rows in comparison.sweeps.items():
        parts.append(f"<h2>{html.escape(loss)} by {html.escape(name)}</h2>")
        drawn = []
        for number, test in enumerate(comparison.tests):
            scores = _swept(comparison.task, rows, test)
            svg = to_svg(
                sweep_figure(list(rows), scores, xlabel=name),
                f"sweep-{loss}-{name}-{number}",
                f"{', '.join(scores)} over {name} on {test}",
            )
            drawn.append(figure(svg, test))
        parts.append(grid(drawn))
        for test in comparison.tests:
            labels = {f"{name} = {value}": (place, False) for place, value in enumerate(rows)}
            figures = [row.on(test) for row in rows.values()]
            table = spread_table(labels, COLUMNS[comparison.task], figures, first=name)
            parts.append(folded(test, table, open_=test == comparison.tests[0]))
    return parts


def _swept(task: str, rows: dict, test: str) -> dict[str, np.ndarray]:
    """Give scores [values, seeds] by name."""
    if task == "saliency":
        curves = {"precision at 0.5": "precision", "recall at 0.5": "recall", "F at 0.5": "f"}
        return {
            label: np.array([[curve[HALF] for curve in _curves(row, test, key)] for row in rows.values()])
            for label, key in curves.items()
        }
    return {
        column.heading: np.array([[one.figures(test)[column.key] for one in row.outcomes] for row in rows.values()])
        for column in LEAD[task]
    }
