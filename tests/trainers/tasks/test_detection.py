"""Detection on the shared skeleton: what a run leaves behind, how it continues, what it refuses, that it learns."""

import csv
import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from metricfit.trainers.data import sources
from metricfit.trainers.data.example import Example
from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.detector.retinanet import build_retinanet
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.anchor_scale import thin_note
from metricfit.trainers.training.config import DetectionConfig
from metricfit.trainers.training.saved import load_model

from ...conftest import interrupted_and_continued, registered
from ...reference import assignment as reference
from ...undrawn import undrawn

detection = get_task("detection")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with registered():
        yield DetectionConfig(
            data="discs:train",
            out=str(tmp_path_factory.mktemp("detection") / "run"),
            backbone="plain",
            size=(96, 64),
            channels=16,
            head_layers=1,
            anchor_scale="auto",
            batch_size=9,
            epochs=3,
            min_epoch_steps=1,
            learning_rate=2e-2,
            quiet=True,
        )


@pytest.fixture(scope="module")
def trained(config):
    """One finished run, which no test changes; of its figures there is no more than their files."""
    with undrawn():
        return detection.train(config)


def rows_of(folder):
    with open(Path(folder) / "history.csv") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_everything_behind_and_learns(trained):
    assert not trained.interrupted
    assert {path.name for path in trained.folder.iterdir()} >= {
        "config.json",
        "history.csv",
        "metrics.json",
        "checkpoints",
        "model.keras",
        "tensorboard",
        "figures",
        "log.txt",
    }
    settings = json.loads((trained.folder / "config.json").read_text())
    assert settings["task"] == "detection"
    assert settings["config"]["augmentation"]["flip"]
    # What auto was decided to be stands in the run.
    assert settings["config"]["anchor_scale"] == 3.36
    assert load_model(trained.folder).get_config()["anchor_scale"] == 3.36
    told = (trained.folder / "log.txt").read_text()
    assert told.count("--anchor-scale auto: --anchor-scale 3.36 with 1 scale an octave leaves 0 of 54 objects") == 1
    rows = rows_of(trained.folder)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert float(rows[-1]["classification_loss"]) < float(rows[0]["classification_loss"])
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert metrics["scalars"]["ap"] == pytest.approx(max(float(row["val_ap"]) for row in rows), abs=1e-4)
    assert metrics["scalars"]["ap50"] > 0.3
    told = metrics["score_calibration"]
    assert (told["method"], told["target"], told["images"], len(told["curves"])) == ("isotonic", "precision", 6, 1)
    assert metrics["scalars"]["detection_ece"] == told["after"]["detection_ece"]
    assert metrics["uncalibrated"]["scalars"]["detection_ece"] == told["before"]["detection_ece"]


def test_alrp_balances_itself_from_epoch_to_epoch(trained):
    rows = rows_of(trained.folder)
    assert float(rows[0]["box_weight"]) == 50
    for before, after in itertools.pairwise(rows):
        classification, localization = float(before["classification_loss"]), float(before["localization_loss"])
        assert float(after["box_weight"]) == pytest.approx((classification + localization) / localization, rel=1e-5)


@pytest.mark.long
def test_an_interrupted_run_ends_as_one_that_was_not(trained, config, tmp_path):
    result = interrupted_and_continued(detection, replace(config, out=str(tmp_path / "run")))
    for one, other in zip(rows_of(result.folder), rows_of(trained.folder), strict=True):
        for name in ("loss", "box_weight", "val_loss"):
            assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-4), name
    # Only the first start decides what auto is.
    told = (result.folder / "log.txt").read_text()
    assert told.count("--anchor-scale auto: --anchor-scale 3.36 with 1 scale an octave leaves 0 of 54 objects") == 1


def test_the_saved_model_finds_the_discs(trained, config):
    model = load_model(trained.folder)
    assert model.class_names == ("disc",)
    assert model.resizing == "pad"
    report = detection.evaluate(model, sources.open_source("discs:other", needs="boxes"), quiet=True)
    assert report.scalars["ap50"] > 0.3


@pytest.mark.long
@pytest.mark.parametrize(("loss", "correlation"), [("varifocal", "concordance"), ("quality_focal", "spearman")])
def test_losses_with_the_iou_as_target_learn_and_go_on_where_they_were(config, tmp_path, loss, correlation):
    changes = {"loss": loss, "correlation": correlation, "epochs": 2, "learning_rate": 1e-2}
    config = replace(config, out=str(tmp_path / "run"), **changes)

    result = interrupted_and_continued(detection, config)
    first, last = rows_of(result.folder)
    for part in ("classification_loss", "localization_loss", "correlation_loss"):
        assert float(last[part]) < float(first[part])
    found = load_model(result.folder)
    assert not found.compiled
    assert found.class_names == ("disc",)


class Needles(sources.Source):
    """A box of 5x90 and one of 40x40 in each picture of 320x320; ignored ones besides."""

    name, class_names, names = "needles", ("needle",), tuple(map(str, range(8)))

    def __len__(self):
        return len(self.names)

    def load(self, index):
        x = 1.7 + 2.9 * index
        boxes = np.array([[x, 20, x + 5, 110], [100, x, 140, x + 40], [x, 20, x + 5, 110]], np.float32)
        crowd = np.array([False, False, True])
        return Example(np.zeros((320, 320, 3), np.uint8), boxes=boxes, classes=np.zeros(3, np.int32), crowd=crowd)


def test_what_is_too_thin_for_the_anchors_is_counted(config):
    needles, (anchors, levels) = Needles(), reference.anchors(320, 1, 4.0)
    lacking = 0
    for example in map(needles.load, range(len(needles))):
        labels, matched = reference.by_atss(example.boxes[:2], [0, 0], anchors, levels, 3, forced=False)
        lacking += 2 - len(set(matched[labels >= 0]))
    assert lacking
    fine = replace(config, size=320, anchor_scale=4.0)
    assert thin_note(detection.build_model(fine, needles), fine, needles).startswith(
        f"{lacking} of 16 boxes are too thin or small for the anchors at --size 320: each trains only"
    )
    discs = sources.open_source("discs:train", needs="boxes")
    assert thin_note(detection.build_model(config, discs), config, discs) == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"loss": "floss"}, "--loss floss is no detection loss: choose one of ap,"),
        ({"loss": "correlation"}, "--loss correlation trains no detector alone: choose another --loss and add --corr"),
        ({"correlation_weight": 0.3}, "--correlation-weight has nothing to weigh: give --correlation"),
        ({"correlation": "pearson", "correlation_weight": 0.0}, "--correlation-weight must be above 0, got 0.0"),
        ({"calibration": "none", "calibration_target": "iou"}, "--calibration-target is of calibrated scores"),
        ({"loss": "ap", "loss_options": ("delta=0",)}, "--loss ap: delta"),
        ({"box_loss": "smooth_l1"}, "give --box-loss giou or iou, not smooth_l1"),
        ({"scales_per_octave": 4}, "--scales-per-octave must be at most 3, got 4"),
        ({"anchor_scale": 0.0}, "--anchor-scale must be above 0, got 0.0"),
        ({"size": 100}, "the size must be a multiple of 32, got 100"),
        ({"backbone": "vgg"}, "unknown backbone vgg"),
        ({"select_by": "olrp"}, "--select-by of detection is one of ap, ap50, ap75, got olrp"),
        ({"max_boxes": 0}, "--max-boxes must be at least 1, got 0"),
        ({"data": "discs:train", "weights": "missing.weights.h5"}, "no weights at missing.weights.h5"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence(config, tmp_path, changes, sentence):
    with pytest.raises(UsageError, match=sentence.replace("(", r"\(")):
        detection.train(replace(config, out=str(tmp_path / "run"), **changes))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("loss", "box_loss", "expected"),
    [
        ("alrp", None, "giou"),
        ("alrp", "iou", "iou"),
        ("ap", None, "smooth_l1"),
        ("focal", "giou", "giou"),
        ("varifocal", None, "giou"),
        ("quality_focal", "smooth_l1", "smooth_l1"),
        ("rank_sort", None, "smooth_l1"),
    ],
)
def test_each_loss_has_its_usual_box_loss(config, loss, box_loss, expected):
    assert detection.box_loss(replace(config, loss=loss, box_loss=box_loss)) == expected


def test_overwrite_deletes_nothing_before_the_data_are_found_to_fit(trained, config, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "run")
    crowded = replace(config, out=str(tmp_path / "run"), overwrite=True, max_boxes=1)
    monkey = pytest.MonkeyPatch()
    load = sources.SOURCES["discs"].open.load
    with monkey.context() as patch:
        patch.setattr(
            sources.SOURCES["discs"].open,
            "load",
            lambda self, index: replace(
                (example := load(self, index)), boxes=np.tile(example.boxes, (2, 1)), classes=np.zeros(2, np.int32)
            ),
        )
        with pytest.raises(UsageError, match="has 2 boxes: --max-boxes must be at least that"):
            detection.train(crowded)
    assert (tmp_path / "run" / "model.keras").is_file()


def detector(class_names, **changes):
    settings = {"size": 96, "channels": 16, "head_layers": 1, "scales_per_octave": 1, **changes}
    return build_retinanet("plain", class_names=class_names, **settings)


def test_a_trained_detector_lends_its_weights_by_the_names_of_the_classes(config):
    keras.utils.set_random_seed(0)
    trained, model = detector(("dog", "cat")), detector(("cat", "owl", "dog"), size=128)
    images = np.random.default_rng(0).integers(0, 255, (1, 96, 96, 3)).astype(np.float32)
    first = detector(("cat", "owl", "dog"))
    first.set_weights(model.get_weights())
    owl = first(images)["classification"][..., 1]
    detection.initialise(model, trained)
    again = detector(("cat", "owl", "dog"))
    again.set_weights(model.get_weights())
    found, expected = again(images), trained(images)
    np.testing.assert_allclose(found["box"], expected["box"], atol=1e-6)
    np.testing.assert_allclose(found["classification"][..., 0], expected["classification"][..., 1], atol=1e-6)
    np.testing.assert_allclose(found["classification"][..., 2], expected["classification"][..., 0], atol=1e-6)
    assert np.abs(found["classification"][..., 1] - owl).max() < 1, "of its first weights, on other features"


def test_a_detector_with_other_anchors_lends_nothing(config, tmp_path):
    path = tmp_path / "other.keras"
    detector(("cat", "dog"), scales_per_octave=2).save(path)
    with pytest.raises(UsageError, match="--channels and --head-layers and --scales-per-octave"):
        detection.train(replace(config, out=str(tmp_path / "run"), init=str(path)))
