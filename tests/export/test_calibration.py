"""Calibrated scores: of a run and of every file exported from it, the same curves in graph, card and NumPy."""

import json
import shutil

import numpy as np
import pytest

from metricfit.app.evaluation.uncalibrated import own_thresholds
from metricfit.app.evaluation.verb import evaluate
from metricfit.app.options import EvaluateOptions
from metricfit.app.tasks import TASKS as APP_TASKS
from metricfit.export import load_runner
from metricfit.export.runners.load import load_keras
from metricfit.trainers.calibration.held_out import Fitted
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.errors import DataError
from metricfit.trainers.tasks import get_task

from .small_detector import SIZE, make_detector_run

BY = ("isotonic", "precision")


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
        ({"before": 3}, "not iterable"),
    ],
)
def test_a_damaged_calibration_is_one_sentence(calibrated_run, tmp_path, change, sentence):
    folder = shutil.copytree(calibrated_run, tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["score_calibration"] |= change
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(DataError, match=f"holds thresholds or a calibration that are none .*({sentence})"):
        load_runner(folder)
