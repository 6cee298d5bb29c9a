"""Calibrated scores: of a run and of every file exported from it, the same curves in graph, card and NumPy."""

import json
import pickle
import shutil

import numpy as np
import pytest

from metricfit.app.beam import verbs
from metricfit.app.beam.model import WorkersModel
from metricfit.app.evaluation import verb
from metricfit.app.evaluation.uncalibrated import own_thresholds
from metricfit.app.evaluation.verb import evaluate
from metricfit.app.options import EvaluateOptions
from metricfit.app.predictor import load_predictor
from metricfit.app.tasks import TASKS as APP_TASKS
from metricfit.export import export_run, load_runner, read_card
from metricfit.export.calibrating import departure, put_in_place
from metricfit.export.formats.tflite_graphs import read_operators
from metricfit.export.runners.load import load_keras, read_facts
from metricfit.export.tasks import get_task as get_export_task
from metricfit.export.tasks.base import Facts
from metricfit.trainers.calibration.held_out import Fitted
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.errors import DataError
from metricfit.trainers.tasks import get_task

from ..app.beam.data import merged_anyhow
from .conftest import converting_here
from .small_detector import CLASS_NAMES, SIZE, make_detector_run

BY = ("isotonic", "precision")
FILES = ("saved_model", "model_float32.tflite", "model_float16.tflite", "model_int8.tflite")


@pytest.fixture(scope="module")
def pictures(squares):
    return np.stack([fit_image(squares.load(index).image, SIZE, "pad") for index in (9, 19, 28, 29)])


@pytest.fixture(scope="module")
def calibrated_run(tmp_path_factory, squares):
    """A run as its training leaves it: its report is of the scores that were fitted to its selection data."""
    folder = make_detector_run(tmp_path_factory.mktemp("calibrated") / "run")
    model, _ = load_keras(folder / "model.keras")
    report = get_task("detection").evaluate(model, squares, calibrate=BY, quiet=True)
    (folder / "metrics.json").write_text(json.dumps(report.to_dict()))
    return folder


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory):
    return make_detector_run(tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture(scope="module")
def exported(calibrated_run, detector, tmp_path_factory):
    """Two exports of one model, one calibrated and one not."""
    folder = tmp_path_factory.mktemp("exports")
    options = {"test": ("squares:test",), "val": "squares:val", "quiet": True}
    with converting_here():
        export_run(calibrated_run, folder / "calibrated", quantize=("none", "float16", "int8"), **options)
    (folder / "plain").symlink_to(detector)
    return folder


def same_boxes(found, before, scores):
    """Each class has the same boxes in the same order, with these scores, and all scores fall."""
    for index in range(len(found[0])):
        boxes, own, classes = (part[index][: found[3][index]] for part in found[:3])
        others, _, kinds = (part[index][: before[3][index]] for part in before[:3])
        wanted = scores[index][: before[3][index]]
        assert (np.diff(own) <= 0).all()
        for kind in range(2):
            np.testing.assert_allclose(boxes[classes == kind], others[kinds == kind], atol=1e-4)
            np.testing.assert_allclose(own[classes == kind], wanted[kinds == kind], atol=1e-5)


def test_a_run_gives_the_scores_that_its_report_is_of(calibrated_run, plain_run, pictures, squares):
    runner, plain = load_runner(calibrated_run), load_runner(plain_run)
    metrics = json.loads((calibrated_run / "metrics.json").read_text())
    assert runner.fitted == Fitted.from_dict(metrics["score_calibration"])
    assert plain.fitted is None
    before = plain(pictures)
    same_boxes(runner(pictures), before, runner.fitted.calibration.scores(before[1], before[2]))
    assert runner.threshold == metrics["scalars"]["f1_threshold"]
    report = get_task("detection").evaluate(runner, squares, thresholds=runner.thresholds, quiet=True)
    # The boxes that count as found in the report are found again: rounding leaves none out at its threshold.
    for name, values in report.class_scalars.items():
        assert values["olrp"] == pytest.approx(metrics["classes"][name]["olrp"], abs=1e-5)
    assert report.scalars["f1"] == pytest.approx(metrics["scalars"]["f1"])


def test_an_evaluation_shows_both_or_the_network_s_own_alone(calibrated_run, plain_run, tmp_path):
    told = {"data": "squares:test", "quiet": True}
    both = evaluate(EvaluateOptions(str(calibrated_run), **told))
    own = evaluate(EvaluateOptions(str(calibrated_run), calibration="none", **told))
    plain = evaluate(EvaluateOptions(str(plain_run), **told))
    for name in ("ap", "f1", "f1_threshold", "lrp_threshold", "band_low", "band_high"):
        assert own.report.scalars[name] == pytest.approx(plain.report.scalars[name], abs=1e-4), name
    for name in ("f1_threshold", "lrp_band_low", "detection_ece", "laece_0", "laace_0"):
        assert both.report.uncalibrated.scalars[name] == pytest.approx(own.report.scalars[name], abs=1e-4), name
    assert own.report.uncalibrated is None
    assert both.summary["uncalibrated"]["scalars"].keys() >= {"transferred", "f_half"}
    tables = APP_TASKS["detection"].tables("squares", both.report)
    assert "the network's own scores" in tables
    assert "red, network's own" in tables
    assert "network's own" not in APP_TASKS["detection"].tables("squares", own.report)
    assert {path.name for path in both.write(tmp_path)} >= {"metrics.json", "reliability.png"}
    runner = load_runner(calibrated_run)
    levels = runner.fitted.calibration.scores(np.array(own_thresholds(runner, runner.fitted)), np.arange(2))
    assert levels.tolist() == pytest.approx(runner.thresholds)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"curves": []}, "0 calibration curves need|0 curves for 2 classes|need as many"),
        ({"curves": [{"at": [0, 0], "gives": [0, 1], "slopes": [1, 1]}] * 2}, "must rise everywhere"),
        ({"curves": None}, "not iterable"),
        ({"before": 3}, "no attribute 'items'"),
        ({"before": {"f1_threshold": "half"}}, "could not convert"),
        ({"after": {"ap": float("nan")}}, "must be finite"),
        ({"after_intervals": {"laece_0": [0.1]}}, "not enough values"),
    ],
)
def test_a_damaged_calibration_is_one_sentence(calibrated_run, tmp_path, change, sentence):
    metrics = json.loads((calibrated_run / "metrics.json").read_text())
    metrics["score_calibration"] |= change
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(DataError, match=f"holds thresholds or a calibration that are none .*({sentence})"):
        read_facts(get_export_task("detection"), Facts(CLASS_NAMES), tmp_path)


def test_a_run_with_a_damaged_calibration_is_not_loaded(calibrated_run, tmp_path):
    folder = shutil.copytree(calibrated_run, tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["score_calibration"]["curves"] = None
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(DataError, match="holds thresholds or a calibration that are none"):
        load_runner(folder)


@pytest.mark.parametrize("file", FILES)
def test_every_file_gives_calibrated_scores_of_the_boxes_it_gave_before(file, exported, pictures):
    runner, plain = (load_runner(exported / name / file) for name in ("calibrated", "plain"))
    assert plain.fitted is None
    found, before = runner(pictures), plain(pictures)
    assert [part.dtype for part in found] == [np.float32, np.float32, np.int32, np.int32]
    wanted = runner.fitted.calibration.scores(before[1], before[2])
    same_boxes(found, before, wanted)
    assert np.abs(wanted - before[1]).max() > 0.05
    assert departure(before, found, runner.fitted.calibration) == ""


def test_the_card_says_how_and_how_well(exported):
    card, plain = (read_card(exported / name) for name in ("calibrated", "plain"))
    assert set(card.files) == set(FILES)
    for entry, before in [(card.files[name], plain.files[name]) for name in FILES]:
        told = entry["calibration"]
        assert (told["method"], told["target"], told["images"], len(told["curves"])) == ("isotonic", "precision", 30, 2)
        assert entry["metrics"]["detection_ece"] == told["after"]["detection_ece"]
        assert told["after"]["ap"] == entry["metrics"]["ap"] == pytest.approx(told["before"]["ap"], abs=1e-3)
        assert entry["thresholds"]["per_class"] != before["thresholds"]["per_class"]
        # What the file differs in from the Keras model is told of the scores before.
        assert entry["parity"].keys() == before["parity"].keys()
        assert entry["tests"]["squares:test"]["metrics"]["ap"] == pytest.approx(entry["metrics"]["ap"], abs=1e-3)
        assert before["calibration"]["method"] == "none"
    assert card.calibration["curves"] != []
    assert card.command[-1].count("--calibration") == 0
    assert "--calibration none" in plain.command[-1]
    for name in FILES[1:]:
        assert not [one for one in read_operators(exported / "calibrated" / name) if one.startswith(("CUSTOM", "FLEX"))]


def test_pictures_of_any_size_are_shown_by_calibrated_thresholds(exported, squares):
    runner = load_runner(exported / "calibrated/saved_model")
    image = squares.load(1).image
    found = runner.outputs(image[None], "pictures")
    count = int(found["count"][0])
    levels = np.array(runner.thresholds, np.float32)[found["classes"][0, :count]]
    np.testing.assert_array_equal(found["shown"][0, :count], found["scores"][0, :count] >= levels)
    assert found["shown"].any()
    assert (np.diff(found["scores"][0]) <= 0).all()


def test_an_evaluation_of_a_file_shows_its_own_scores_too(exported):
    told = {"data": "squares:test", "quiet": True}
    both = evaluate(EvaluateOptions(str(exported / "calibrated/model_int8.tflite"), **told)).report
    before = read_card(exported / "calibrated").files["model_int8.tflite"]["calibration"]["before"]
    plain = evaluate(EvaluateOptions(str(exported / "plain/model_int8.tflite"), **told)).report
    for name in ("f1", "f1_threshold", "lrp_threshold", "band_low", "lrp_band_high"):
        assert both.uncalibrated.scalars[name] == pytest.approx(plain.scalars[name], abs=1e-3), name
        assert before[name] == pytest.approx(plain.scalars[name], abs=1e-4), name


def test_numbers_are_put_where_they_were_or_nothing_is():
    written, numbers = np.arange(3, dtype=np.float32), np.full(3, 7, np.float32)
    content = b"head" + written.tobytes() + b"tail"
    assert put_in_place(content, written, numbers) == b"head" + numbers.tobytes() + b"tail"
    for wrong in (b"head", content + content):
        with pytest.raises(ValueError, match=r"must be in a file once, found [02] times"):
            put_in_place(wrong, written, numbers)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda answer: answer[1].__setitem__((0, 0), 0.9), "up to"),
        (lambda answer: answer[1].__setitem__((0, 1), 0.99), "do not fall"),
        (lambda answer: answer[2].__setitem__((0, 0), 1), "other boxes"),
        (lambda answer: answer[3].__setitem__(0, 2), "other boxes"),
        (lambda answer: answer[0].__setitem__((0, 0), 3), "another order"),
    ],
)
def test_a_file_that_departs_from_its_curves_is_told(change, said, calibrated_run):
    metrics = json.loads((calibrated_run / "metrics.json").read_text())
    calibration = Fitted.from_dict(metrics["score_calibration"]).calibration
    boxes, classes = np.arange(12, dtype=np.float32).reshape(1, 3, 4), np.zeros((1, 3), np.int32)
    before = boxes, np.array([[0.8, 0.5, 0.1]], np.float32), classes, np.array([3])
    after = [boxes.copy(), calibration.scores(before[1], classes), classes.copy(), np.array([3])]
    assert departure(before, tuple(after), calibration) == ""
    change(after)
    assert said in departure(before, tuple(after), calibration)


@pytest.mark.parametrize("calibration", ["model", pytest.param("none", marks=pytest.mark.long)])
def test_workers_measure_the_same_scores(calibration, calibrated_run, tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "check_runner", lambda runner, told: None)
    monkeypatch.setattr(
        verbs, "on_runner", lambda options, work: merged_anyhow(pickle.loads(pickle.dumps(work)), seed=1)
    )
    told = {"data": "squares:test", "calibration": calibration, "batch_size": 4, "quiet": True}
    one = evaluate(EvaluateOptions(str(calibrated_run), **told)).report
    out = str(tmp_path / "many")
    many = evaluate(EvaluateOptions(str(calibrated_run), runner="direct", out=out, **told)).report
    assert json.dumps(many.to_dict()) == json.dumps(one.to_dict())
    assert (many.uncalibrated is None) == (calibration == "none")


def test_a_worker_without_the_curves_is_refused(calibrated_run, tmp_path):
    folder = shutil.copytree(calibrated_run, tmp_path / "run")
    model = WorkersModel.of(load_predictor(folder), folder)
    assert model.load().runner.fitted is not None
    (folder / "metrics.json").unlink()
    with pytest.raises(DataError, match=r"the calibration of the model at .* is another one on a worker"):
        model.load()


@pytest.mark.parametrize(
    ("told", "undone"),
    [({"flips": True}, True), ({"nms": "soft-linear"}, True), ({"flips": True, "nms": "soft-linear"}, False)],
)
def test_scores_that_were_lowered_when_calibrated_are_not_undone(told, undone, calibrated_run):
    report = evaluate(EvaluateOptions(str(calibrated_run), data="squares:test", quiet=True, **told)).report
    assert (report.uncalibrated is not None) == undone
