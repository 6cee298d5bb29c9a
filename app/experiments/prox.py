"""The proximal algorithm beside gradient descent and momentum (Berman et al., CVPR 2018, Fig. C.1 and C.2)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ... import losses
from ...trainers.figures.rendering import save
from ...trainers.figures.style import COLOURS, DASHED, INK, LEGEND, bare, new_figure
from ..options import ExperimentOptions
from ..reports import grid, say, write_csv

MOMENTUM = 0.9
# The toy problem: relative slopes of its two pieces, where it starts, its rate and number of steps.
SLOPES, START, TOY_RATE, TOY_STEPS = (0.3, 1.0, 3.0), (2.2, 1.6), 0.17, 60
# The last layer: side of the pictures, features of a pixel, pictures to learn from and to measure on, steps, problems.
SIDE, FEATURES, PICTURES, STEPS, PROBLEMS = 10, 6, 3, 30, 4
# Nine trials of each method, as (rate, λ): nine rates, or every third of them with three λ. Less λ takes long.
RATES, REGULARIZATIONS = np.geomspace(0.003, 1, 9), (1.0, 3.0, 10.0)
PLAIN = [(rate, np.inf) for rate in RATES]
PROXIMAL = [(rate, regularization) for rate in RATES[1::3] for regularization in REGULARIZATIONS]
METHODS = {"gradient": PLAIN, "momentum": PLAIN, "proximal": PROXIMAL, "proximal + momentum": PROXIMAL}


def run(options: ExperimentOptions, folder: Path) -> list[Path]:
    """Write two figures and two tables; gives their paths."""
    paths = {slope: toy_paths(slope) for slope in SLOPES}
    toy_rows = [
        {"slope": slope, "method": name, "step": step, "x1": float(x), "x2": float(y), "objective": toy((x, y), slope)}
        for slope, methods in paths.items()
        for name, path in methods.items()
        for step, (x, y) in enumerate(path)
    ]
    rows = last_layer(options.seed)
    shown = [row for row in rows if row["problem"] > 0]
    curves = {name: np.array([row["curve"] for row in shown if row["method"] == name]) for name in METHODS}
    settings = {row["method"]: (f"{row['rate']:.2g}", f"{row['λ']:g}") for row in shown}
    cells = [
        [name, *settings[name], f"{curve.mean():.3f} ± {curve.mean(axis=1).std():.3f}", f"{curve[:, -1].mean():.3f}"]
        for name, curve in curves.items()
    ]
    say("\n%s", grid([["method", "rate", "λ", "Jaccard loss, all steps", "after the last"], *cells]))
    figures = {"lovasz_prox_toy": draw_toy(paths), "lovasz_prox_last_layer": draw_last_layer(curves, settings)}
    steps = [
        {**row, "step": step, "Jaccard loss": float(value)}
        for row in rows
        for step, value in enumerate(row.pop("curve"))
    ]
    return [
        *(save(figure, folder / f"{name}.png") for name, figure in figures.items()),
        write_csv(folder / "lovasz_prox_toy.csv", toy_rows),
        write_csv(folder / "lovasz_prox_last_layer.csv", steps),
    ]


def toy(x: Sequence[float] | np.ndarray, slope: float) -> float:
    """The toy problem, max(0, ν x1, x2) (eq. C.4)."""
    return max(0.0, slope * float(x[0]), float(x[1]))


def toy_gradient(x: np.ndarray, slope: float) -> np.ndarray:
    """A gradient of the toy problem."""
    if toy(x, slope) == 0:
        return np.zeros(2)
    return np.array([slope, 0.0]) if slope * x[0] >= x[1] else np.array([0.0, 1.0])


def toy_prox(x: Sequence[float] | np.ndarray, slope: float, regularization: float) -> np.ndarray:
    """The proximal operator of the toy problem (eq. C.1), exactly: x less the nearest mean of the slopes / λ."""
    x, corners = np.asarray(x, float), np.array([[0.0, 0.0], [slope, 0.0], [0.0, 1.0]]) / regularization
    if x.min() >= 0 and regularization * (x[0] / slope + x[1]) <= 1:
        return np.zeros(2)
    sides = np.roll(corners, -1, axis=0) - corners
    shares = np.clip(((x - corners) * sides).sum(axis=1) / (sides**2).sum(axis=1), 0, 1)
    return min(x - corners - shares[:, np.newaxis] * sides, key=lambda left: (left**2).sum())


def toy_paths(slope: float) -> dict[str, np.ndarray]:
    """Follow gradient descent, momentum (eq. C.2 and C.3) and the proximal algorithm; [steps + 1, 2] each."""
    paths = {}
    for name in ("gradient", "momentum", "proximal"):
        x, velocity, path = np.array(START), np.zeros(2), [np.array(START)]
        for _ in range(TOY_STEPS):
            if name == "proximal":
                x = toy_prox(x, slope, 1 / TOY_RATE)
            else:
                velocity = (MOMENTUM if name == "momentum" else 0.0) * velocity + toy_gradient(x, slope)
                x = x - TOY_RATE * velocity
            path.append(x)
        paths[name] = np.array(path)
    return paths


def last_layer(seed: int) -> list[dict[str, Any]]:
    """Train a linear layer by each method: all trials (λ infinite for a gradient) on problem 0, the best elsewhere."""
    problems, rows = [_pictures(np.random.default_rng((seed, number))) for number in range(PROBLEMS)], []

    def row(name: str, problem: int, rate: float, regularization: float) -> dict[str, Any]:
        curve = train(*problems[problem], rate, regularization, MOMENTUM if "momentum" in name else 0.0)
        return {"method": name, "problem": problem, "rate": float(rate), "λ": regularization, "curve": curve}

    for name, trials in METHODS.items():
        tried = sorted((row(name, 0, *trial) for trial in trials), key=lambda one: one["curve"].mean())
        rows += [*tried, *(row(name, problem, tried[0]["rate"], tried[0]["λ"]) for problem in range(1, PROBLEMS))]
    return rows


def train(masks: np.ndarray, features: np.ndarray, rate: float, regularization: float, momentum: float) -> np.ndarray:
    """Train with the Lovász hinge of half of the pictures, from least squares; gives the others' Jaccard losses."""
    # The proximal algorithm hands λ (m − prox(m)) back, in place of the gradient of the margins m: its limit for λ → ∞.
    x, sign = features[:PICTURES], np.where(masks[:PICTURES], 1, -1)
    weights = np.linalg.lstsq(x.reshape(-1, FEATURES + 1), sign.ravel(), rcond=None)[0]
    velocity, curve = np.zeros(FEATURES + 1), [_jaccard_loss(weights, masks[PICTURES:], features[PICTURES:])]
    for _ in range(STEPS):
        slopes = [_slope(m, mask, regularization) for m, mask in zip(1 - sign * (x @ weights), masks)]
        velocity = momentum * velocity - np.einsum("pn,pnd->d", sign * slopes, x) / PICTURES
        weights = weights - rate * velocity
        curve.append(_jaccard_loss(weights, masks[PICTURES:], features[PICTURES:]))
    return np.array(curve)


def _slope(margins: np.ndarray, mask: np.ndarray, regularization: float) -> np.ndarray:
    """Return λ (m − prox(m)) of the margins m, [n], or the gradient of the extension for an infinite λ."""
    if np.isfinite(regularization):
        return regularization * (margins - losses.lovasz_prox(margins, mask, regularization=regularization))
    order = np.argsort(-margins, kind="stable")
    slope = np.empty(len(mask))
    slope[order] = np.diff((np.arange(len(mask)) + 1) / (mask.sum() + np.cumsum(~mask[order])), prepend=0)
    return np.where(margins > 0, slope, 0)


def _pictures(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw discs, bool [2 P, n], and noisy features of their pixels with a constant, [2 P, n, D]."""
    row, column = np.mgrid[:SIDE, :SIDE]
    masks, features = [], []
    mixing = rng.normal(0, 0.35, FEATURES)
    for _ in range(2 * PICTURES):
        radius = rng.uniform(1.5, 3.5)
        y, x = rng.uniform(radius, SIDE - 1 - radius, 2)
        mask = ((row - y) ** 2 + (column - x) ** 2 <= radius**2).ravel()
        masks.append(mask)
        noisy = rng.normal(0, 0.5, (mask.size, FEATURES)) + np.where(mask, 1, -1)[:, np.newaxis] * mixing
        features.append(np.hstack([noisy, np.ones((mask.size, 1))]))
    return np.array(masks), np.array(features)


def _jaccard_loss(weights: np.ndarray, masks: np.ndarray, features: np.ndarray) -> float:
    found = features @ weights > 0
    return float(np.mean(1 - (found & masks).sum(axis=1) / (found | masks).sum(axis=1)))


def draw_toy(paths: dict[float, dict[str, np.ndarray]]) -> Figure:
    """Draw the paths over the contours of the toy problem, one picture for each slope."""
    figure = new_figure(10.2, 3.7)
    x, y = np.meshgrid(np.linspace(-1.2, 2.6, 120), np.linspace(-1.2, 2.2, 120))
    styles = {"gradient": (COLOURS[0], DASHED), "momentum": (COLOURS[1], "-"), "proximal": (COLOURS[2], "-")}
    for axes, (slope, methods) in zip(figure.subplots(1, len(paths)), paths.items()):
        height = np.maximum(np.maximum(slope * x, y), 0)
        axes.contourf(x, y, height, levels=12, cmap="Greys", alpha=0.55)
        for name, path in methods.items():
            colour, line = styles[name]
            # Past the minimum the objective is flat at 0, and momentum carries on.
            name += ", runs on over the flat part" if path.min() < -1.2 else ""
            axes.plot(*path.T, color=colour, linestyle=line, marker="o", markersize=3, linewidth=1.5, label=name)
        bare(axes).set(title=f"ν = {slope:g}", xlabel="x1", ylabel="x2", xlim=(-1.2, 2.6), ylim=(-1.2, 2.2))
        axes.title.set(color=INK, fontsize=9.5)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, **LEGEND)
    return figure


def draw_last_layer(curves: dict[str, np.ndarray], settings: dict[str, tuple[str, str]]) -> Figure:
    """Draw the Jaccard loss over the steps, the mean over the problems, each method as it was best on another one."""
    figure = new_figure(6.6, 4.2)
    axes = bare(figure.add_subplot())
    for (name, curve), colour in zip(curves.items(), COLOURS):
        rate, regularization = settings[name]
        label = f"{name}, rate {rate}" + (f", λ {regularization}" if "proximal" in name else "")
        line = DASHED if "momentum" in name else "-"
        axes.plot(curve.mean(axis=0), color=colour, linestyle=line, linewidth=1.6, label=label)
    axes.set(xlabel="step", ylabel=f"Jaccard loss, held out, mean of {len(curve)} problems", xlim=(0, STEPS))
    figure.legend(loc="outside lower center", ncols=2, **LEGEND)
    return figure
