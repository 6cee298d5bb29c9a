"""A run folder: whether it may be continued, and its log, which is whole from before the folder exists."""

import json
import logging
from dataclasses import replace

import pytest

from metricfit.trainers.errors import UsageError
from metricfit.trainers.training import run_folder
from metricfit.trainers.training.config import SegmentationConfig
from metricfit.trainers.training.run_folder import LogFile

log = logging.getLogger("metricfit")


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
