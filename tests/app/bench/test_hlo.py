"""Programs that are written, and what is found in them."""

import csv

import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.app import cli
from metricfit.app.bench import ranking
from metricfit.app.bench.hlo import Program, faults
from metricfit.trainers.errors import UsageError


def program(function, *arguments):
    return Program(tf.function(function, jit_compile=True), arguments)


@pytest.fixture(params=["hlo", "stablehlo"])
def stage(request):
    try:
        program(lambda value: value + 1, tf.ones([1])).text(request.param)
    except UsageError as error:
        pytest.skip(str(error))
    return request.param


def test_sizes_that_are_known_only_later_are_found(stage):
    values = tf.constant([1.0, -1.0, 2.0])
    assert faults(program(lambda values: tf.sort(values) + 1, values).text(stage)) == []
    assert faults(program(lambda values: values[values > 0], values).text(stage)) == ["sizes known only when it runs"]


def test_float64_is_found_where_there_is_none(stage):
    text = program(lambda values: tf.reduce_sum(values * values), tf.ones([3], tf.float64)).text(stage)
    assert faults(text) == []
    assert faults(text, float64=False) == ["float64"]
    # TensorFlow's own resizing writes its 0.5 with 64 bits, which the compiler narrows.
    text = program(
        lambda image: tf.compat.v1.image.resize_bilinear(image, (4, 4), half_pixel_centers=True), tf.ones([1, 2, 2, 1])
    ).text(stage)
    assert "f64" in text
    assert faults(text, float64=False) == []


@pytest.mark.parametrize(
    "line",
    [
        '  %call = f32[2]{0} custom-call(f32[2]{0} %x), custom_call_target="xla_ffi_python_cpu_callback"',
        "  %0 = stablehlo.custom_call @xla_python_gpu_callback(%arg0) : (tensor<2xf32>) -> tensor<2xf32>",
        "  %feed = ((f32[2]{0}), token[]) infeed(token[] %after-all)",
        '  %1 = "stablehlo.send"(%arg0, %token) : (tensor<2xf32>, !stablehlo.token) -> !stablehlo.token',
    ],
)
def test_what_asks_the_host_is_found(line):
    assert faults(line) == ["host callbacks"]


@pytest.mark.parametrize("task", ["saliency", "segmentation", "detection"])
def test_every_loss_of_a_task_is_written(task, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ranking, "SMALL", ranking.Case(3000, 20))
    if task == "detection":  # each of the ranking losses takes a second to trace
        monkeypatch.setattr(losses, "LOSSES", {name: losses.LOSSES[name] for name in ("alrp", "focal")})
    size = ["--size", "16"] if task != "detection" else []
    code = cli.main(["bench", "losses", "--task", task, "--dump-hlo", "programs", "--quiet", *size])
    if "does not write StableHLO" in (told := capsys.readouterr().err):
        pytest.skip(told)
    assert code == 0
    names = sorted(name for name, entry in losses.LOSSES.items() if entry.task == task)
    assert sorted(path.name for path in (tmp_path / "programs").iterdir()) == [f"{name}.mlir" for name in names]
    with open(tmp_path / f"reports/bench/losses_{task}.csv") as file:
        rows = {row["loss"]: row for row in csv.DictReader(file)}
    assert sorted(rows) == names
    assert {row["faults"] for row in rows.values()} == {"none"}
    assert all("stablehlo." in (tmp_path / row["file"]).read_text() for row in rows.values())


def test_what_is_no_loss_has_no_program(capsys):
    assert cli.main(["bench", "train", "--dump-hlo", "programs"]) == 2
    assert "give it to bench losses, not to bench train" in capsys.readouterr().err
