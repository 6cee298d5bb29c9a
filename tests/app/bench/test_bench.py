"""The verb `bench`: which table is made, what its figures relate, and that the loop is the loss it stands for."""

import csv
import inspect
import json
import time
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from metricfit import losses
from metricfit.app import cli
from metricfit.app.bench import detection as bench_detection
from metricfit.app.bench import guard as bench_guard
from metricfit.app.bench import packed as bench_packed
from metricfit.app.bench import ranking as bench_ranking
from metricfit.app.bench import saliency as bench_saliency
from metricfit.app.bench import segmentation as bench_segmentation
from metricfit.app.bench.base import value_and_gradients
from metricfit.app.bench.loop import loop_over_positives
from metricfit.app.options import BenchOptions
from metricfit.trainers.models.deeplab import build_deeplab
from metricfit.trainers.models.deeply_supervised import basnet
from metricfit.trainers.models.registry import serving
from metricfit.trainers.tasks.saliency import Saliency

from ...reference.ranking_losses import reference


def one_convolution(*arguments, **settings):
    """What `build_deeplab` is called with, as one layer."""
    given = inspect.signature(build_deeplab).bind(*arguments, **settings).arguments
    size, classes = given["size"], len(given.get("class_names", ())) or 1
    shape = (size, size, classes) if classes > 1 else (size, size)
    return keras.Sequential(
        [keras.layers.Input((size, size, 3)), keras.layers.Conv2D(classes, 1), keras.layers.Reshape(shape)]
    )


@pytest.fixture
def small(monkeypatch):
    """Networks of few operations: tracing a training step takes longer than all steps that are timed."""
    for bench in (bench_saliency, bench_segmentation):
        monkeypatch.setattr(bench, "build_deeplab", one_convolution)
    heads = {"channels": 8, "head_layers": 1}
    usual = bench_detection.DetectionBench.config
    monkeypatch.setattr(
        bench_detection.DetectionBench,
        "config",
        lambda self, options: replace(usual(self, options), loss="focal", **heads),
    )
    networks = {
        name: replace(one, load=lambda one=one: partial(one.load(), **heads))
        for name, one in bench_detection.serving("detection").items()
    }
    monkeypatch.setattr(bench_detection, "serving", lambda task: networks)


def rows_of(path) -> list[dict]:
    with open(path) as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("what", ["losses", pytest.param("models", marks=pytest.mark.long), "metrics"])
def test_bench_writes_ratios(what, tmp_path, tiny, monkeypatch, capsys):
    monkeypatch.setattr(bench_saliency, "BACKBONES", {tiny: None})
    monkeypatch.setattr(basnet, "build_basnet", partial(bench_saliency.build_deeplab, tiny))  # 109 M parameters
    monkeypatch.setattr(bench_saliency, "loss_names", lambda: ["floss"])
    arguments = ["--size", "32", "--batch-size", "2", "--repeats", "1", "--out", str(tmp_path)]
    assert cli.main(["bench", what, "--task", "saliency", *arguments]) == 0
    rows = rows_of(tmp_path / f"{what}_saliency.csv")
    ratios = [float(value) for row in rows for name, value in row.items() if "ratio" in name]
    assert ratios
    assert min(ratios) > 0
    capsys.readouterr()


def test_bench_data_relates_the_pipeline_to_the_step(tmp_path, config, tiny, small, capsys):
    arguments = ["bench", "data", "--size", "32", "--batch-size", "4", "--repeats", "1", "--backbone", tiny]
    assert cli.main([*arguments, "--data", "discs:train", "--out", str(tmp_path)]) == 0
    first, later, step = rows_of(tmp_path / "data_saliency.csv")
    assert float(step["against the step"]) == 1
    for row in (first, later):
        assert float(row["against the step"]) == pytest.approx(float(row["images/s"]) / float(step["images/s"]))
    capsys.readouterr()


def test_bench_train_times_every_loss_and_xla(tmp_path, monkeypatch, capsys):
    def step(config, *, jit_compile, loss):
        return lambda: time.sleep({"cross_entropy": 0.02, "floss": 0.06}.get(loss, 0.001) * (1 + jit_compile))

    monkeypatch.setattr(bench_saliency, "_training_step", step)
    assert cli.main(["bench", "train", "--task", "saliency", "--repeats", "3", "--out", str(tmp_path)]) == 0
    rows = {row["step"].partition(", ")[2]: float(row["ratio"]) for row in rows_of(tmp_path / "train_saliency.csv")}
    assert set(rows) == {*bench_saliency.loss_names(), "floss, XLA"}
    assert rows["cross_entropy"] == 1
    assert 2 < rows["floss"] < rows["floss, XLA"]
    capsys.readouterr()


@pytest.mark.long
@pytest.mark.parametrize("slow", ["plain", "guarded"])
def test_bench_guard_relates_the_guarded_step_to_the_plain_one(tmp_path, tiny, slow, monkeypatch, capsys):
    monkeypatch.setattr(Saliency, "build_model", lambda self, config, source: one_convolution(tiny, size=config.size))
    usual = bench_guard._step

    def step(*given, guarded):
        action = usual(*given, guarded=guarded)
        return lambda: (action(), time.sleep(0.3 * (guarded == (slow == "guarded"))))

    monkeypatch.setattr(bench_guard, "_step", step)
    monkeypatch.setattr(bench_guard, "WARM", 1)
    arguments = ["--size", "32", "--batch-size", "2", "--repeats", "2", "--backbone", tiny, "--data", "discs:train"]
    assert cli.main(["bench", "guard", *arguments, "--out", str(tmp_path)]) == 0
    plain, guarded = rows_of(tmp_path / "guard_saliency.csv")
    assert list(plain) == ["step", "best ms", "ratio", "median of pairs", "processor"]
    assert (plain["step"], guarded["step"]) == ("plain", "guarded")
    assert {plain[name] for name in ("ratio", "median of pairs", "processor")} == {"1.0"}
    assert float(guarded["ratio"]) == pytest.approx(float(guarded["best ms"]) / float(plain["best ms"]))
    assert (float(guarded["ratio"]) > 1) == (slow == "guarded")
    assert min(float(guarded[name]) for name in ("median of pairs", "processor")) > 0
    capsys.readouterr()


def test_a_task_without_that_table_is_refused_in_a_sentence(capsys):
    assert cli.main(["bench", "metrics", "--task", "detection"]) == 2
    assert "bench metrics knows no detection: choose one of saliency" in capsys.readouterr().err


@pytest.mark.parametrize("unified", [False, True], ids=["ap", "alrp"])
def test_the_loop_is_the_loss(unified):
    rng = np.random.default_rng(0)
    labels = rng.choice([1, 0, -1], 500, p=[0.1, 0.8, 0.1])
    scores, errors = rng.normal(0, 2, 500).astype(np.float32), rng.random(500).astype(np.float32)
    result = loop_over_positives(labels, scores, errors if unified else None, delta=0.7)
    values, gradient, error_gradient = reference("alrp" if unified else "ap", labels, scores, errors, delta=0.7)
    assert result.value == pytest.approx(values.sum(), rel=1e-5)
    np.testing.assert_allclose(result.gradient, gradient, atol=1e-6)
    reach = (labels == 0) & (scores > scores[labels == 1].min() - 0.7)
    assert result.pairs == (labels == 1).sum() * reach.sum()
    if unified:
        np.testing.assert_allclose(result.error_gradient, error_gradient, atol=1e-6)


@pytest.mark.long
def test_bench_train_relates_losses_and_steps_to_focal(tmp_path, tiny, small, monkeypatch, capsys):
    def step(config, source, batch, *, loss):
        assert batch[0].shape == (2, 64, 64, 3)
        return lambda: time.sleep({"focal": 0.02, "alrp": 0.06}.get(loss, 0.001))

    monkeypatch.setattr(bench_detection, "_step", step)
    monkeypatch.setattr(bench_detection, "MODES", {"graph": False})
    arguments = ["--size", "64", "--batch-size", "2", "--backbone", tiny, "--repeats", "3", "--out", str(tmp_path)]
    assert cli.main(["bench", "train", *arguments]) == 0
    rows = {(row["what"], row["loss"]): row for row in rows_of(tmp_path / "train_detection.csv")}
    alone = {(f"loss alone, {mode}", name) for mode, name in [("graph", "focal"), ("graph", "ap"), ("graph", "alrp")]}
    loops = {("loss alone, loop", "ap"), ("loss alone, loop", "alrp")}
    assert set(rows) == alone | loops | {("whole step", name) for name in ("focal", "ap", "alrp")}
    assert 2 < float(rows["whole step", "alrp"]["against focal"]) < 4
    for what in ("loss alone, graph", "loss alone, loop"):
        ratio = float(rows[what, "ap"]["ms"]) / float(rows["loss alone, graph", "focal"]["ms"])
        assert float(rows[what, "ap"]["against focal"]) == pytest.approx(ratio)
    capsys.readouterr()


@pytest.mark.long
def test_bench_data_and_models_of_detection(tmp_path, tiny, small, monkeypatch, capsys):
    monkeypatch.setattr(bench_detection, "BACKBONES", {tiny: None})
    arguments = ["--task", "detection", "--size", "64", "--batch-size", "2", "--repeats", "1", "--out", str(tmp_path)]
    assert cli.main(["bench", "data", *arguments, "--backbone", tiny]) == 0
    pipeline, step = rows_of(tmp_path / "data_detection.csv")
    ratio = float(pipeline["images/s"]) / float(step["images/s"])
    assert float(pipeline["against the step"]) == pytest.approx(ratio)
    assert cli.main(["bench", "models", *arguments]) == 0
    rows = rows_of(tmp_path / "models_detection.csv")
    assert {row["model"] for row in rows} == set(serving("detection"))
    for row in rows:
        assert float(row["ms"]) > 0
        assert 0 < float(row["parameters M"]) < 5
    capsys.readouterr()


@pytest.fixture
def small_cases(monkeypatch):
    """The cases of the ranking table at a 2000th of their size, in graph mode alone."""
    for name in ("SMALL", "FRESH", "MORE_POSITIVES", "MORE_ENTRIES", "LARGE", "HUGE"):
        case = getattr(bench_ranking, name)
        small = bench_ranking.Case(case.entries // 2000, case.positives // 100, case.fresh)
        monkeypatch.setattr(bench_ranking, name, small)
    listed = ("SMALL", "FRESH", "MORE_POSITIVES", "MORE_ENTRIES", "LARGE")
    monkeypatch.setattr(bench_ranking, "CASES", tuple(getattr(bench_ranking, name) for name in listed))
    monkeypatch.setattr(bench_ranking, "LOOPED", (bench_ranking.SMALL, bench_ranking.FRESH, bench_ranking.LARGE))
    monkeypatch.setattr(bench_ranking, "MODES", {"graph": False})


@pytest.mark.long  # the loop is tried above, and the verb with segmentation's losses below
def test_bench_losses_relates_ranking_losses_to_the_loop(tmp_path, small_cases, monkeypatch, capsys):
    some = {name: losses.LOSSES[name] for name in ("ap", "alrp", "focal")}
    monkeypatch.setattr(bench_ranking.losses, "LOSSES", some)
    alone = {bench_ranking.HUGE: {"bytes": 5e5, "seconds": 0.5}, bench_ranking.TINY: {"bytes": 1e5, "seconds": 0.1}}
    monkeypatch.setattr(bench_ranking, "_in_a_fresh_process", lambda key, names, case, seed: alone[case])
    assert cli.main(["bench", "losses", "--repeats", "2", "--out", str(tmp_path)]) == 0
    rows = {(row["loss"], row["mode"]): row for row in rows_of(tmp_path / "losses_detection.csv")}
    assert set(rows) == {(name, "graph") for name in (*some, "ap, interpolated")} | {("ap", "loop"), ("alrp", "loop")}
    ours, loop = rows["alrp", "graph"], rows["alrp", "loop"]
    large = str(bench_ranking.LARGE)
    ratio = float(loop[f"{large}, ms"]) / float(ours[f"{large}, ms"])
    assert float(ours[f"loop / ours, {large}"]) == pytest.approx(ratio)
    assert float(ours["P x4"]) > 0
    assert float(ours["peak / scores"]) == pytest.approx(5e5 / 4 / bench_ranking.HUGE.entries)
    assert float(ours["fixed part of it"]) == pytest.approx(1e5 / 4 / bench_ranking.HUGE.entries)
    assert float(loop["pairs/s"]) > 1e5
    assert loop["peak / scores"] == rows["focal", "graph"]["pairs/s"] == ""
    printed = capsys.readouterr().out
    assert "gradients differ by" in printed
    differences = [float(line.split()[-1]) for line in printed.splitlines() if "gradients differ by" in line]
    assert max(differences) < 1e-5


def test_bench_losses_relates_lovasz_to_a_sort(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_segmentation, "MODES", {"graph": False})
    arguments = ["--task", "segmentation", "--size", "24", "--batch-size", "2", "--repeats", "2"]
    assert cli.main(["bench", "losses", *arguments, "--out", str(tmp_path)]) == 0
    rows = {row["what"]: row for row in rows_of(tmp_path / "losses_segmentation.csv")}
    sort = rows.pop(bench_segmentation.SORT)
    assert len(rows) == 7
    for row in rows.values():
        assert float(row["against the sort"]) == pytest.approx(float(row["ms"]) / float(sort["ms"]))
    capsys.readouterr()


def test_bench_train_times_a_segmentation_step_with_each_loss(tmp_path, monkeypatch, tiny, small):
    monkeypatch.setattr(bench_segmentation, "TRAINED_WITH", ("softmax_cross_entropy", "lovasz_softmax"))
    arguments = ["--task", "segmentation", "--size", "32", "--batch-size", "2", "--repeats", "1", "--backbone", tiny]
    assert cli.main(["bench", "train", *arguments, "--out", str(tmp_path)]) == 0
    first, second = rows_of(tmp_path / "train_segmentation.csv")
    assert (first["loss"], first["ratio"]) == ("softmax_cross_entropy", "1.0")
    assert float(second["ratio"]) == pytest.approx(float(second["ms"]) / float(first["ms"]))
    assert float(second["images/s"]) == pytest.approx(2e3 / float(second["ms"]))


def test_the_published_formulation_is_the_loss_it_stands_for():
    options = BenchOptions("losses", size=12, batch_size=2)
    labels, logits = bench_segmentation.inputs(options)
    results = []
    for loss in (bench_segmentation.published_lovasz_softmax, losses.LovaszSoftmax(from_logits=True, method="exact")):
        step = value_and_gradients(lambda fixed, watched, loss=loss: [loss(fixed[0], watched[0])], compiled=False)
        value, (gradient,) = step([labels], [logits])
        results.append((value.numpy(), gradient.numpy()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-7)


def test_peak_memory_counts_what_is_above_the_inputs(monkeypatch, capsys):
    held = {"VmRSS": 1000, "VmHWM": 50_000}
    monkeypatch.setattr(bench_ranking, "_status_bytes", held.get)
    bench_ranking.print_peak("ap", {"interpolated": True}, "graph", [500, 10], 0)
    printed = json.loads(capsys.readouterr().out)
    assert printed["bytes"] == 50_000 - 1000 - 500 * (1 + 4 + 4)
    assert printed["seconds"] > 0


def test_a_process_knows_what_it_holds():
    held, most = bench_ranking._status_bytes("VmRSS"), bench_ranking._status_bytes("VmHWM")
    assert 2**26 < held <= most


def test_fresh_logits_lie_within_delta_and_others_do_not():
    for case in (bench_ranking.Case(5000, 50, fresh=True), bench_ranking.Case(5000, 50)):
        labels, scores, errors = (tensor.numpy() for tensor in bench_ranking.inputs(case, 0))
        assert (labels == 1).sum() == 50
        assert labels.shape == scores.shape == errors.shape
        assert (np.ptp(scores) < 1) == case.fresh


def test_bench_packed_relates_packed_data_to_plain_ones(tmp_path, tiny, monkeypatch, capsys):
    monkeypatch.setattr(bench_packed, "STEPS", 1)
    arguments = ["--data", "discs:train", "--size", "32", "--batch-size", "4", "--repeats", "2", "--backbone", tiny]
    assert cli.main(["bench", "packed", *arguments, "--out", str(tmp_path)]) == 0
    with (tmp_path / "packed_saliency.csv").open() as file:
        rows = {row["data"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["as it is", "packed", "packed as pixels", "packed, reduced"]
    assert float(rows["as it is"]["ratio"]) == 1
    assert all(float(row[name]) > 0 for row in rows.values() for name in ("images/s", "median of turns", "processor"))
