"""KerasHub's RetinaNet: a training that is interrupted and goes on, and every kind of file."""

import csv
import json
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

pytest.importorskip("keras_hub", reason="the extra hub is not installed")

from metricfit.export import export_run
from metricfit.export.runners.load import load_runner
from metricfit.trainers.data import sources
from metricfit.trainers.models.hub.encoders import ENCODERS, resnet
from metricfit.trainers.models.hub.retinanet import HubRetinaNet, build_hub_retinanet
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.detection import Detection
from metricfit.trainers.training.config import DetectionConfig
from metricfit.trainers.training.saved import load_model

from ..conftest import Interrupt, registered
from .small_detector import CLASS_NAMES, make_detector_run

VARIANTS = ("none", "float16", "int8")


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setitem(ENCODERS, "small", lambda shape: resnet(shape, [1, 1, 1, 1], "basic_block", (64, 8, 8, 16)))
    with registered():
        yield DetectionConfig(
            data="discs:train", out=str(tmp_path / "run"), model="hub:retinanet", backbone="small", size=64,
            head_layers=0, batch_size=18, epochs=2, min_epoch_steps=1, weights="none", quiet=True,
        )  # fmt: skip


@pytest.mark.long
def test_a_training_goes_on_where_it_was_interrupted(config):
    class Stopping(Detection):
        def watchers(self, *arguments):
            return [*super().watchers(*arguments), Interrupt()]

    assert Stopping().train(config).interrupted
    result = get_task("detection").train(config)
    assert json.loads((result.folder / "config.json").read_text())["config"]["model"] == "hub:retinanet"
    with open(result.folder / "history.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    assert type(load_model(result.folder)) is HubRetinaNet


@pytest.mark.slow
def test_every_file_finds_what_the_network_finds(config, tmp_path, squares, network_alone):
    keras.utils.set_random_seed(2)
    model = build_hub_retinanet("small", size=64, class_names=CLASS_NAMES, head_layers=0, scales_per_octave=1)
    last = model.network.classification_head.prediction_layer.kernel
    last.assign(np.random.default_rng(0).normal(0, 0.05, last.shape))
    run = make_detector_run(tmp_path / "run", model)
    told = {"task": "detection", "config": asdict(replace(config, data="squares:train")), "versions": {}}
    (run / "config.json").write_text(json.dumps(told))
    folder = tmp_path / "squares"
    export_run(run, folder, quantize=VARIANTS, calibration="none", quiet=True)
    card = json.loads((folder / "card.json").read_text())
    assert not card["refused"]
    assert {entry["variant"] for entry in card["files"].values() if entry["kind"] == "tflite"} == set(VARIANTS)
    source = sources.open_source("squares:other", needs="boxes")
    images = np.stack([np.resize(source.load(index).image, (64, 64, 3)) for index in range(4)])
    expected = model.predict(images, verbose=0)["confidence"]
    assert expected.max() > 0.05
    for name in card["files"]:
        found = load_runner(folder / name)(images)[1]
        np.testing.assert_allclose(found, expected, atol=0.05 if "int8" in name else 2e-2, err_msg=name)
