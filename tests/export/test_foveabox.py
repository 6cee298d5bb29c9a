"""A FoveaBox from its training to every kind of file, and what they find."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metricfit.app import cli
from metricfit.export import export_run
from metricfit.export.runners.load import load_runner
from metricfit.trainers.data import sources
from metricfit.trainers.errors import UsageError
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import DetectionConfig

from ..conftest import registered

FILES = {"none": "model.tflite", "float16": "model_float16.tflite", "int8": "model_int8.tflite"}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with registered():
        yield DetectionConfig(
            data="discs:train",
            out=str(tmp_path_factory.mktemp("foveabox") / "run"),
            model="foveabox",
            backbone="plain",
            size=64,
            channels=16,
            head_layers=1,
            batch_size=9,
            epochs=3,
            min_epoch_steps=1,
            learning_rate=2e-2,
            quiet=True,
        )


@pytest.mark.slow
@pytest.mark.long
def test_from_training_to_files_that_find_the_same(config, tmp_path, network_alone, capsys):
    result = get_task("detection").train(config)
    assert json.loads((result.folder / "config.json").read_text())["config"]["model"] == "foveabox"
    assert result.scalars["ap50"] > 0.3
    folder = tmp_path / "discs"
    export_run(result.folder, folder, quantize=tuple(FILES), quiet=True)
    card = json.loads((folder / "card.json").read_text())
    assert {entry["variant"] for entry in card["files"].values() if entry["kind"] == "tflite"} == set(FILES)
    assert "refused" not in card or not card["refused"]
    source = sources.open_source("discs:other", needs="boxes")
    scores = {}
    for path in [result.folder, *(folder / name for name in card["files"])]:
        runner = load_runner(path)
        report = get_task("detection").evaluate(runner, source, quiet=True)
        scores[Path(path).name] = report.scalars["ap50"]
    assert max(scores.values()) - min(scores.values()) < 0.1, scores
    assert (
        cli.main(["evaluate", str(folder), "--data", "discs:other", "--out", str(tmp_path / "report"), "--quiet"]) == 0
    )
    assert np.isfinite(json.loads((tmp_path / "report" / "metrics.json").read_text())["scalars"]["olrp"])
    capsys.readouterr()


@pytest.mark.parametrize(("name", "value"), [("anchor_scale", 3.0), ("scales_per_octave", 2), ("assignment", "iou")])
def test_it_has_no_anchors_to_set(config, name, value):
    with pytest.raises(
        UsageError, match=f"--{name.replace('_', '-')} is for --model retinanet.*, FoveaBox has no such"
    ):
        get_task("detection").check(replace(config, **{name: value}))
