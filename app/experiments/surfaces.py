"""Losses of two pixels as surfaces: Fig. 1 and 2 of Berman et al., CVPR 2018, and Fig. 1 of Zhao et al., ICCV 2019."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ... import losses
from ...trainers.figures.rendering import save
from ...trainers.figures.style import COLOURS, INK, new_figure
from ..options import ExperimentOptions
from ..reports import write_csv

STEPS = 31
Truth = tuple[int, int]
Pair = tuple[float, float]
Surface = dict[str, Any]
TRUTHS: tuple[Truth, ...] = ((1, 1), (1, 0), (0, 1), (0, 0))


def run(options: ExperimentOptions, folder: Path) -> list[Path]:
    """Write three figures, and a table of all points of all surfaces; gives their paths."""
    made, rows = [], []
    for name, surfaces, grid in (
        ("surfaces_lovasz_hinge", hinge_surfaces(), (1, 4)),
        ("surfaces_lovasz_softmax", softmax_surfaces(), (1, 4)),
        ("surfaces_floss", floss_surfaces(), (2, 2)),
    ):
        made.append(save(_draw(surfaces, *grid), folder / f"{name}.png"))
        rows += [
            {"figure": name, "surface": surface["title"], "x": float(x), "y": float(y), "loss": float(z)}
            for surface in surfaces
            for x, y, z in zip(*(surface[key].ravel() for key in "xyz"))
        ]
    return [*made, write_csv(folder / "surfaces.csv", rows)]


def hinge_surfaces() -> list[Surface]:
    """The Lovász hinge over the margins r = 1 − F y of two pixels, for each ground truth (Fig. 1 of Berman et al.)."""

    def value(truth: np.ndarray, margins: np.ndarray) -> tf.Tensor:
        sign = 2 * truth - 1
        return losses.lovasz_hinge(truth, (1 - margins) * sign, method="exact")

    # a margin of 0 is a right pixel with room to spare, one of 1 stands on the border: from there on it is wrong
    return [surface(truth, value, (-0.5, 1.5), "r", corners=(0.0, 1.0)) for truth in TRUTHS]


def softmax_surfaces() -> list[Surface]:
    """Lovász-Softmax of the foreground over the differences d of the scores, d > 0 right (Fig. 2 of Berman et al.)."""

    def value(truth: np.ndarray, differences: np.ndarray) -> tf.Tensor:
        score = differences * (2 * truth - 1) / 2
        logits = tf.stack([-score, score], axis=-1)
        return losses.lovasz_softmax(truth, logits, from_logits=True, per_image=True, classes=[1], method="exact")

    return [surface(truth, value, (-6.0, 6.0), "d", corners=(6.0, -6.0)) for truth in TRUTHS]


def floss_surfaces() -> list[Surface]:
    """FLoss and cross-entropy over the predictions of two pixels (Fig. 1 of Zhao et al.)."""
    functions = {"FLoss": losses.floss, "cross-entropy": losses.cross_entropy}
    return [
        {**surface(truth, function, (0.01, 0.99), "prediction"), "title": f"{name}, truth {list(truth)}"}
        for name, function in functions.items()
        for truth in ((0, 1), (1, 1))
    ]


def surface(truth: Truth, value: Callable, limits: Pair, axis: str, corners: Pair | None = None) -> Surface:
    """Compute a loss of two pixels on a grid, x, y and z [31, 31]; `value` takes labels and axes, both [n, 1, 2]."""
    # At `corners` a pixel counts as right and as wrong; of them come points (x, y, discrete Jaccard loss).
    axis_values = np.linspace(*limits, STEPS)
    x, y = np.meshgrid(axis_values, axis_values, indexing="ij")
    points = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
    labels = np.broadcast_to(np.array(truth, float), points.shape)
    z = np.asarray(value(labels, points)).reshape(x.shape)
    return {"x": x, "y": y, "z": z, "title": f"truth {list(truth)}", "axis": axis, "corners": _points(truth, corners)}


def _points(truth: Truth, corners: Pair | None) -> list[tuple[float, float, float]]:
    """The discrete Jaccard loss of each set of wrong pixels (eq. 6)."""
    if corners is None:
        return []
    return [
        (corners[a], corners[b], (a + b) / max(sum(t or wrong for t, wrong in zip(truth, (a, b))), 1))
        for a, b in product((0, 1), repeat=2)
    ]


def _draw(surfaces: list[Surface], rows: int, columns: int) -> Figure:
    """Draw surfaces side by side, with the discrete Jaccard loss as dots."""
    figure = new_figure(3.1 * columns, 2.9 * rows)
    for index, values in enumerate(surfaces):
        axes = figure.add_subplot(rows, columns, index + 1, projection="3d", computed_zorder=False)
        axes.plot_surface(values["x"], values["y"], values["z"], cmap="viridis", alpha=0.85, linewidth=0)
        for point in values["corners"]:
            axes.scatter(*point, color=COLOURS[1], s=28, depthshade=False, zorder=5)
        axes.set_title(values["title"], fontsize=9.5, color=INK)
        axes.set_xlabel(f"{values['axis']} 1", fontsize=8.5, labelpad=-4)
        axes.set_ylabel(f"{values['axis']} 2", fontsize=8.5, labelpad=-4)
        axes.tick_params(labelsize=7, pad=-3)
        for side, prune in ((axes.xaxis, "lower"), (axes.yaxis, "lower"), (axes.zaxis, None)):
            side.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], prune=prune))
        axes.view_init(elev=26, azim=-125 if values["axis"] != "d" else 55)
        axes.set_box_aspect(None, zoom=0.88)
    return figure
