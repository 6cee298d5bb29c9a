"""The verb `experiment`: the papers' findings, and figures and tables that hold them."""

import csv
from functools import partial

import numpy as np
import pytest

from metricfit.app import cli
from metricfit.app.experiments import prox as experiment_prox
from metricfit.app.experiments import surfaces as experiment_surfaces
from metricfit.app.experiments import synthetic as experiment_synthetic
from metricfit.app.options import ExperimentOptions


def rows_of(path) -> list[dict]:
    with open(path) as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("seed", [0, 1])
def test_only_the_lovasz_hinge_finds_the_minimum_of_the_jaccard_loss(seed):
    # section 4.1 of Berman et al.
    biases = np.linspace(-3, 3, 61)
    curves = experiment_synthetic.loss_curves(experiment_synthetic.make_circles(seed), biases)
    rows = {row["loss"]: row for row in experiment_synthetic.minima(curves, biases)}
    best = rows[experiment_synthetic.JACCARD]["best bias"]
    lovasz = rows.pop("Lovász hinge")
    assert lovasz["above its minimum"] < 0.02
    assert abs(lovasz["best bias"] - best) < 0.6
    for name in ("soft IoU", "hinge", "cross-entropy"):
        assert rows[name]["above its minimum"] > 1.5 * lovasz["above its minimum"]
        assert abs(rows[name]["best bias"] - best) > 1.4 * abs(lovasz["best bias"] - best)


def test_synthetic_writes_a_figure_and_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(experiment_synthetic, "BIASES", np.linspace(-2, 1, 5))
    assert cli.main(["experiment", "lovasz-synthetic", "--out", str(tmp_path)]) == 0
    assert len(rows_of(tmp_path / "lovasz_synthetic.csv")) == 5
    assert (tmp_path / "lovasz_synthetic.png").stat().st_size > 10_000
    assert "cross-entropy" in capsys.readouterr().out


def test_surfaces_touch_the_discrete_jaccard_loss(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment_surfaces, "STEPS", 5)
    paths = experiment_surfaces.run(ExperimentOptions("surfaces"), tmp_path)
    assert [path.stat().st_size > 1000 for path in paths] == [True] * 4
    for surface in experiment_surfaces.hinge_surfaces():
        for x, y, jaccard in surface["corners"]:
            at = (surface["x"] == x) & (surface["y"] == y)
            np.testing.assert_allclose(surface["z"][at], jaccard, rtol=1e-6)
    for surface in experiment_surfaces.softmax_surfaces():
        for x, y, jaccard in surface["corners"]:
            at = (surface["x"] == x) & (surface["y"] == y)
            np.testing.assert_allclose(surface["z"][at], jaccard, atol=5e-3)


def test_the_toy_prox_is_the_minimum():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.linspace(-2, 3, 201)] * 2), axis=-1).reshape(-1, 2)
    for _ in range(12):
        x, slope, regularization = rng.uniform(-1, 2, 2), rng.choice([0.3, 1.0, 3.0]), 10 ** rng.uniform(-0.5, 1)
        value = partial(toy_objective, x=x, slope=slope, regularization=regularization)
        assert value(experiment_prox.toy_prox(x, slope, regularization)) <= value(grid).min() + 1e-9


def toy_objective(u, x, slope, regularization):
    """Eq. C.1 of eq. C.4, of points [..., 2]."""
    height = np.maximum(np.maximum(slope * u[..., 0], u[..., 1]), 0)
    return height + regularization / 2 * ((u - x) ** 2).sum(axis=-1)


def test_the_proximal_path_is_the_shortest_to_the_minimum():
    # Fig. C.1 of Berman et al.: gradient descent goes to and fro over the edge, momentum overshoots
    for slope in experiment_prox.SLOPES:
        arrived = {}
        for name, path in experiment_prox.toy_paths(slope).items():
            heights = np.array([experiment_prox.toy(x, slope) for x in path])
            assert heights[-1] <= heights[0]
            arrived[name] = int((heights < 1e-9).argmax()) if (heights < 1e-9).any() else len(heights)
        assert arrived["proximal"] <= arrived["gradient"]


def test_prox_writes_figures_and_tables(tmp_path, monkeypatch, capsys):
    assert len({len(trials) for trials in experiment_prox.METHODS.values()}) == 1
    monkeypatch.setattr(experiment_prox, "STEPS", 2)
    monkeypatch.setattr(experiment_prox, "PROBLEMS", 2)
    assert cli.main(["experiment", "lovasz-prox", "--out", str(tmp_path)]) == 0
    rows = rows_of(tmp_path / "lovasz_prox_last_layer.csv")
    for method, trials in experiment_prox.METHODS.items():
        settings = [
            {(row["rate"], row["λ"]) for row in rows if (row["method"], row["problem"]) == (method, k)} for k in "01"
        ]
        # all trials on the problem to choose on, one of them on the other
        assert [len(tried) for tried in settings] == [len(trials), 1]
        assert settings[1] < settings[0]
    assert all((tmp_path / f"lovasz_prox_{name}.png").stat().st_size > 10_000 for name in ("toy", "last_layer"))
    capsys.readouterr()
