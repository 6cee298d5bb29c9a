"""A training that goes on sees the pictures that it began with, in their places, or is refused in a sentence."""

import json
import logging
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from metricfit.trainers.data import sources
from metricfit.trainers.data.labels import class_counts
from metricfit.trainers.data.scan.scanner import checked_source
from metricfit.trainers.data.steady import Steady
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError, MetricfitError, UsageError
from metricfit.trainers.stopping import StopRequest
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks import training as training_module
from metricfit.trainers.training.callbacks.checkpoint import keep_state
from metricfit.trainers.training.config import SaliencyConfig
from metricfit.trainers.training.faults.changed_data import check_same_data, read_run_data
from metricfit.trainers.training.states import Reached, state_files

from ....conftest import Discs

saliency = get_task("saliency")


def contents(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def discs_named(change):
    class Changed(Discs):
        def __init__(self, rest, needs):
            super().__init__(rest, needs)
            self.names = change(self.names)

    return sources.SourceKind("discs:SPLIT", Changed)


@pytest.fixture
def copied(trained, config, tmp_path):
    """The configuration of a copy of a finished run."""
    shutil.copytree(trained.folder, tmp_path / "run")
    return replace(config, out=str(tmp_path / "run"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda names: names[1:], "6 selection pictures then, 5 now"),
        (lambda names: [*names, "another"], "54 training pictures then, 55 now"),
        (lambda names: ["another", *names[1:]], "as many training pictures, 54, but of other names or in another orde"),
        (lambda names: [*names[:2], names[9], *names[3:9], names[2], *names[10:]], "as many selection pictures, 6, "),
    ],
)
def test_other_pictures_are_refused_though_an_epoch_has_as_many_steps(copied, monkeypatch, change, said):
    monkeypatch.setitem(sources.SOURCES, "discs", discs_named(change))
    before = contents(copied.out)
    with pytest.raises(UsageError) as told:
        saliency.train(copied)
    sentence = str(told.value)
    assert sentence.startswith(f"{copied.out} was trained on other data than there are now (")
    assert said in sentence
    assert f"--init {copied.out} starts from its model" in sentence
    assert "\n" not in sentence
    assert contents(copied.out) == before


def test_where_nothing_tells_the_pictures_those_that_are_there_are_noted(copied, caplog, tmp_path):
    path = tmp_path / "run/checkpoints/data.json"
    kept = path.read_text()
    for damage in ("", "[]", '{"training": 3}', '{"training": {}, "selection": {}, "classes": ""}'):
        path.write_text(damage)
        caplog.clear()
        assert read_run_data(tmp_path / "run") is None
        assert caplog.text.count("data.json, which tells the pictures that this run began with, is damaged") == 1
    path.unlink()
    assert read_run_data(tmp_path / "run") is None
    saliency.train(copied)
    assert path.read_text() == kept


@pytest.fixture
def folder(tmp_path):
    """Thirty pictures with masks, of which the fourth is none."""
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for index in range(30):
        draw(tmp_path / "data", index)
    (tmp_path / "data/images/03.png").write_bytes(b"no picture")
    return tmp_path / "data"


def draw(folder, index):
    rng = np.random.default_rng(index)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:20, 8 : 14 + index % 9] = 255
    cv2.imwrite(str(folder / f"images/{index:02}.png"), rng.integers(0, 90, (32, 32, 3)) + mask[..., None] // 2)
    cv2.imwrite(str(folder / f"masks/{index:02}.png"), mask)


@pytest.fixture
def begun(config, folder, tmp_path, monkeypatch):
    """Begin a training that is interrupted at once, and give a function that continues it to see its pictures."""
    seen = []

    def train(task, config, distribution, model, teacher, rate, training, selection, reached):
        keep_state(model, tmp_path / "run/checkpoints", Reached(1, epoch_steps=task.steps_per_epoch(config, training)))
        seen.append((training, selection))
        request = StopRequest()
        request.number = signal.SIGINT
        return request

    monkeypatch.setattr(training_module, "_trained", train)
    one = replace(config, data=f"folder:{folder}", out=str(tmp_path / "run"), skip_bad=True, batch_size=2)

    def go(**changes):
        saliency.train(replace(one, **changes))
        return seen[-1]

    return go


def order(training):
    return [saliency.names_of_step(SaliencyConfig(batch_size=2), training, step) for step in range(14)]


def test_a_picture_that_turned_bad_keeps_its_place_on_the_next_start(begun, folder, tmp_path, caplog):
    first, chosen = begun()
    assert "03" not in first.names
    places = list(first.names), order(first), list(chosen.names)
    (folder / "images/07.png").write_bytes(b"no picture any more")
    draw(folder, 3)  # what was left out does not come back within the run
    with caplog.at_level(logging.WARNING, logger="metricfit"):
        again, chosen = begun()
    assert (list(again.names), order(again), list(chosen.names)) == places
    assert again.load(again.names.index("07")).name == "08"
    assert "as when this run began; another one stands in for 1 that turned bad since" in caplog.text
    kept = json.loads((tmp_path / "run/checkpoints/data.json").read_text())
    assert kept["training"]["left_out"] == ["03"]
    with pytest.raises(MetricfitError, match="other settings"):
        begun(skip_bad=False)
    assert "07" not in begun(overwrite=True)[0].names
    for part in ("images", "masks"):
        (folder / part / "20.png").unlink()
    with pytest.raises(UsageError, match="27 training pictures then, 26 now"):
        begun()


def test_a_run_is_refused_with_all_its_files_in_their_places(copied, tmp_path):
    run = tmp_path / "run"
    for path in state_files(run / "checkpoints"):
        path.write_bytes(path.read_bytes()[:-200])
    (run / "model.keras").write_bytes(b"damaged as well")
    (run / "history.csv").write_bytes(b"\0")
    before = contents(run)
    with pytest.raises(MetricfitError, match="no other one is whole: start anew with --overwrite"):
        saliency.train(copied)
    assert contents(run) == before


def test_the_classes_of_a_picture_that_turned_bad_cannot_be_counted(folder):
    (folder / "images/03.png").unlink()
    (folder / "masks/03.png").unlink()
    (folder / "masks").rename(folder / "labels")
    for path in (folder / "labels").iterdir():
        cv2.imwrite(str(path), (cv2.imread(str(path), 0) > 0).astype(np.uint8))
    (folder / "classes.txt").write_text("ground\nthing\n")
    (folder / "labels/07.png").write_bytes(b"nothing")
    source = checked_source(f"folder:{folder}", needs="labels", skip_bad=True, left_out=(), quiet=True)
    assert len(source) == 29
    for replacing, said in ((True, "classes, which --equibatch, .* count: put back"), (False, "07")):
        with pytest.raises(DataError, match=said) as told:
            class_counts(Steady(source, TARGETS["labels"], replacing=replacing), quiet=True)
        assert "\n" not in str(told.value)


def test_classes_in_another_order_and_epochs_of_other_steps_are_other_data(trained):
    kept = read_run_data(trained.folder)
    check_same_data(trained.folder, kept, kept, 9)
    with pytest.raises(UsageError, match=r"now \(the names of the classes, or their order, are others\): put"):
        check_same_data(trained.folder, kept, replace(kept, classes="others"), 9)
    with pytest.raises(UsageError, match=r"now \(an epoch had 9 steps, and has 8 now\): put"):
        check_same_data(trained.folder, None, kept, 8)
