"""Which loss has its minimum where the Jaccard loss has it (Berman et al., CVPR 2018, section 4.1 and Fig. 3)."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from ... import losses
from ...trainers.figures.rendering import save
from ...trainers.figures.style import COLOURS, INK, LEGEND, bare, frame, new_figure
from ..options import ExperimentOptions
from ..reports import grid, say, write_csv

PICTURES, SIDE = 10, 50
RADII = (4, 20)
BIASES = np.linspace(-3, 3, 121)
JACCARD = "Jaccard loss"


class Circles(NamedTuple):
    """Masks bool [10, 50, 50], and a feature of each pixel, float32 [10, 50, 50]."""

    masks: np.ndarray
    features: np.ndarray


def make_circles(seed: int) -> Circles:
    """Draw circles of various radius; a feature is the mask as ±1/2 with Gaussian noise of variance 1."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:SIDE, :SIDE]
    masks = np.zeros((PICTURES, SIDE, SIDE), bool)
    for mask in masks:
        radius = rng.uniform(*RADII)
        y, x = rng.uniform(radius, SIDE - 1 - radius, 2)
        mask[:] = (row - y) ** 2 + (column - x) ** 2 <= radius**2
    return Circles(masks, rng.normal(np.where(masks, 0.5, -0.5), 1).astype(np.float32))


def loss_curves(circles: Circles, biases: np.ndarray) -> dict[str, np.ndarray]:
    """Compute each loss of the model F = feature + b, foreground where F > 0, at every bias b, the pictures' mean."""
    sign = np.where(circles.masks, 1, -1)
    masks = tf.constant(circles.masks)
    names, rows = (JACCARD, "Lovász hinge", "soft IoU", "hinge", "cross-entropy"), []
    for bias in biases:
        scores = circles.features + np.float32(bias)
        found = scores > 0
        overlap, union = ((f(found, circles.masks)).sum(axis=(1, 2)) for f in (np.logical_and, np.logical_or))
        values = (
            1 - overlap / union,
            losses.lovasz_hinge(masks, scores, method="exact"),
            losses.soft_iou(masks, scores, from_logits=True),
            np.maximum(1 - sign * scores, 0),
            losses.cross_entropy(masks, scores, from_logits=True),
        )
        rows.append([float(np.mean(value)) for value in values])
    return dict(zip(names, np.transpose(rows)))


def minima(curves: dict[str, np.ndarray], biases: np.ndarray) -> list[dict[str, Any]]:
    """Tell for each loss its best bias, and the Jaccard loss there beside the smallest."""
    rows = []
    for name, curve in curves.items():
        there = float(curves[JACCARD][curve.argmin()])
        above = there - float(curves[JACCARD].min())
        bias = float(biases[curve.argmin()])
        rows.append({"loss": name, "best bias": bias, "Jaccard loss there": there, "above its minimum": above})
    return rows


def run(options: ExperimentOptions, folder: Path) -> list[Path]:
    """Write the figure and the table; gives their paths."""
    circles = make_circles(options.seed)
    curves = loss_curves(circles, BIASES)
    rows = minima(curves, BIASES)
    shown = [[f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row.values()] for row in rows]
    say("\n%s", grid([list(rows[0]), *shown]))
    figure = save(draw(circles, curves), folder / "lovasz_synthetic.png")
    return [figure, write_csv(folder / "lovasz_synthetic.csv", rows)]


def draw(circles: Circles, curves: dict[str, np.ndarray]) -> Figure:
    """Draw a mask, its features, and the losses over the bias, each from its smallest to its largest value."""
    figure = new_figure(9.2, 4.2)
    parts: Any = figure.subfigures(1, 2, width_ratios=(1, 2.6))
    left, right = parts
    middle = int(np.argsort(circles.masks.sum(axis=(1, 2)))[PICTURES // 2])
    for axes, picture, title in zip(left.subplots(2, 1), circles, ("label", "feature")):
        frame(axes).imshow(picture[middle], cmap="gray")
        axes.set_title(title, fontsize=9.5, color=INK)
    axes = bare(right.add_subplot())
    for (name, curve), colour in zip(curves.items(), (COLOURS[-1], *COLOURS)):
        height = (curve - curve.min()) / np.ptp(curve)
        axes.plot(BIASES, height, color=colour, linewidth=2.4 if name == JACCARD else 1.6, label=name)
        axes.plot(BIASES[curve.argmin()], 0, "o", color=colour, markersize=8, clip_on=False, zorder=3)
    axes.axvline(BIASES[curves[JACCARD].argmin()], color=COLOURS[-1], linewidth=0.8, linestyle=(0, (2, 2)))
    axes.set(xlabel="bias b", ylabel="loss, from its smallest to its largest", xlim=BIASES[[0, -1]], ylim=(0, 1))
    right.legend(loc="outside lower center", ncols=5, **LEGEND)
    return figure
