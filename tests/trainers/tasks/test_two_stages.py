"""Faster R-CNN as the task trains it: what fits together, and one training from its settings to what it finds."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from metricfit.trainers.comparison.plan import read_entries
from metricfit.trainers.data import sources
from metricfit.trainers.errors import UsageError
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import DetectionConfig

from ...conftest import registered

detection = get_task("detection")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with registered():
        yield DetectionConfig(
            data="discs:train",
            out=str(tmp_path_factory.mktemp("two_stages") / "run"),
            loss="cross_entropy",
            box_loss="l1",
            model="faster_rcnn",
            backbone="plain",
            size=64,
            channels=16,
            proposals=32,
            region_units=32,
            batch_size=9,
            epochs=3,
            min_epoch_steps=1,
            learning_rate=2e-2,
            quiet=True,
        )


@pytest.mark.long
@pytest.mark.slow
def test_from_settings_to_what_is_found(config):
    result = detection.train(config)
    assert result.scalars["ap50"] > 0.3
    header, *epochs = (result.folder / "history.csv").read_text().splitlines()
    assert {"rpn_classification_loss", "rpn_localization_loss", "val_rpn_localization_loss"} <= set(header.split(","))
    assert len(epochs) == 3
    kept = json.loads((result.folder / "metrics.json").read_text())
    assert kept["score_calibration"]["method"] == "isotonic"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"model": "retinanet"},
            "--loss cross_entropy is for --model faster_rcnn, which draws a sample .* a RetinaNet",
        ),
        ({"model": "foveabox", "loss": "anchor_cross_entropy"}, "Choose --loss focal or cross_entropy_ohem"),
        ({"loss_options": ("exclusive=True",)}, "--loss-options exclusive goes by the network, .*: leave it out"),
        ({"loss": "alrp"}, "--loss alrp ranks boxes by their IoU: give --box-loss giou or iou, not l1"),
        ({"loss": "floss"}, "--loss floss is no detection loss: choose one of ap, .* quality_focal, cross_entropy, "),
        (
            {"assignment": "iou"},
            "is for --model retinanet and hub:retinanet, Faster R-CNN has no such part: leave",
        ),
        ({"proposals": 0}, "--proposals must be at least 1, got 0"),
        ({"rpn_weight": 0.0}, "--rpn-weight must be above 0, got 0.0"),
    ],
)
def test_what_does_not_fit_is_one_sentence(config, tmp_path, changes, sentence):
    proposals = {"proposals": 256, "region_units": 256} if changes.get("model") else {}
    with pytest.raises(UsageError, match=sentence):
        detection.train(replace(config, out=str(tmp_path / "run"), **proposals, **changes))
    assert not (tmp_path / "run").exists()


def test_the_systems_of_the_paper_are_rows_of_a_comparison(config):
    told = "cross_entropy[box-loss=l1],cross_entropy[box-loss=giou],alrp[learning-rate=1.5e-3],alrp[model=retinanet]"
    found = []
    shared = replace(config, box_loss=None, proposals=256, region_units=256)
    for entry in read_entries(told, 1, DetectionConfig):
        row = replace(shared, loss=entry.loss, **dict(entry.settings))
        detection.check(row)
        found.append((entry.loss, detection.box_loss(row), row.learning_rate, row.model))
    assert found == [
        ("cross_entropy", "l1", 2e-2, "faster_rcnn"), ("cross_entropy", "giou", 2e-2, "faster_rcnn"),
        ("alrp", "giou", 1.5e-3, "faster_rcnn"), ("alrp", "giou", 2e-2, "retinanet"),
    ]  # fmt: skip


def test_a_loss_decides_what_the_network_s_classes_are(config):
    discs = sources.open_source("discs:train", needs="boxes")
    for loss, exclusive in (("cross_entropy", True), ("alrp", False)):
        own = replace(config, loss=loss, box_loss=None, rpn_weight=0.4, seed=5)
        model = detection.build_model(own, discs)
        assert model.exclusive is exclusive
        detection.compile_model(model, own, keras.optimizers.SGD(0.1), discs)
        assert model.compile_arguments["rpn_weight"] == 0.4
        assert model.compile_arguments["sampling_seed"] == 5
        assert float(model.rpn_box_weight) == (1 if exclusive else 50)
        assert np.shape(model.anchors)[1] == 4
