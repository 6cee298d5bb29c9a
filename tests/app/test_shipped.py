"""The models that ship with the project: what their cards say is what is there, and it runs."""

import re

import keras
import numpy as np
import pytest

from metricfit.app.predictor import load_predictor, shipped_models
from metricfit.export.card import read_card
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.errors import UsageError
from metricfit.trainers.files import digest
from metricfit.trainers.metrics import FMeasureCurve
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.first_model import first_model

LARGEST_MEGABYTES = {"saliency_lite0": 6, "saliency_mobile": 3, "detection_bccd": 6}
NAMES = tuple(LARGEST_MEGABYTES)


def test_there_are_no_others():
    assert sorted(shipped_models()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_that_of_the_files(name):
    folder = shipped_models()[name]
    card = read_card(folder)
    assert card.name == name
    assert {path.name for path in folder.iterdir()} == {"card.json", "README.md", *card.files}
    for file, entry in card.files.items():
        assert (entry["bytes"], entry["sha256"]) == digest(folder / file)
        assert entry["bytes"] <= LARGEST_MEGABYTES[name] * 1e6
        assert entry["tests"]
        assert entry["latency_ms"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_on_what_it_was_trained_and_how_to_repeat_that(name):
    folder = shipped_models()[name]
    card = read_card(folder)
    assert "research use only" in card.data_terms or "MIT" in card.data_terms
    assert len(card.limits) > 40
    assert card.command[-1].startswith(f"metricfit export runs/{name} --to saved_models/{name} ")
    for file, go in (("card.json", '    "cd ../..",\n'), ("README.md", "    cd ../..\n")):
        # All paths are meant where the first command goes to: the project's own folder.
        before, *after = (folder / file).read_text().split(go)
        assert len(after) == 1
        text = before + after[0]
        assert not re.search(r"(?<![\w.:/])/\w+/|\.\./", text), "a path of some machine"


@pytest.mark.parametrize("name", ["saliency_lite0", "saliency_mobile"])
def test_a_saliency_model_finds_the_objects_of_scenes_it_has_never_seen(name):
    predict, source, curve = load_predictor(name), open_source("scenes:test"), FMeasureCurve()
    for index in range(0, 200, 20):
        example = source.load(index)
        curve.update(predict(example.image), example.mask)
    result = curve.result()
    assert result.max_f > 0.6
    assert result.mean_to_max > 0.9


def test_the_detector_knows_its_classes_and_gives_boxes_in_falling_order():
    predict = load_predictor("detection_bccd")
    assert tuple(predict.runner.class_names) == ("Platelets", "RBC", "WBC")
    found = predict(np.full((480, 640, 3), 200, np.uint8))
    assert found.boxes.shape == (len(found.scores), 4)
    assert (np.diff(found.scores) <= 0).all()


def test_a_name_that_no_model_has_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match="detection_bccd, saliency_lite0, saliency_mobile"):
        load_predictor("saliency_large")


def nearest_differences(found, expected, surest=5):
    """How far the nearest box of its class lies from each of the surest: two of nearly one score may change places."""
    differences = []
    for boxes, _, classes, _, own_boxes, _, own_classes, _ in zip(*found, *expected):
        for box, label in zip(own_boxes[:surest], own_classes[:surest]):
            gaps = np.abs(boxes[classes == label] - box)
            differences.append(gaps[gaps.max(axis=1).argmin()])
    return differences


@pytest.mark.parametrize("name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.long) for name in NAMES[1:])])
def test_a_training_starts_from_what_the_file_finds(name, tmp_path, monkeypatch):
    """The Keras model that is read back finds what the 8-bit file finds, and batches train it where it is."""
    monkeypatch.chdir(tmp_path)
    runner, source = load_predictor(name).runner, open_source("scenes:train")
    model = first_model(name, (runner.task,), Subset(source, range(4)))
    task = get_task(runner.task)
    pictures = np.stack([runner.fit(source.load(index).image) for index in range(8, 10)])
    found, expected = task.as_predictor(model)(pictures), runner(pictures)
    if runner.task == "detection":
        assert np.abs(found[1] - expected[1]).mean() < 0.1 * expected[1].mean()
        assert np.median(nearest_differences(found, expected)) < 3
        return
    assert np.abs(found - expected).mean() < 0.01
    assert expected.std() > 0.2
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    assert len({float(layer.moving_mean[0]) for layer in norms}) > len(norms) / 2, "each has been measured"
    by_batch = keras.ops.sigmoid(model(pictures, training=True))
    assert np.abs(by_batch - found).mean() < 0.1
