"""Detectors exported with other suppressions: every file does what the Keras model does, and says so."""

import json

import numpy as np
import pytest

from metricfit.app.predictor import shipped_models
from metricfit.export import export_run, load_runner, read_card
from metricfit.export.parity.boxes import BoxAgreement
from metricfit.export.parity.soft_boxes import SoftBoxAgreement
from metricfit.export.tasks import get_task
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.detector.suppression import Suppression

from .conftest import converting_here, networks_alone
from .small_detector import SIZE

LINEAR = {"nms": "soft-linear", "nms_iou": 0.25, "max_detections": 30}


@pytest.fixture(scope="module")
def linear(detector_run, squares, tmp_path_factory):
    """An export with a linear Soft-NMS, whose loop follows a network of 8 bits in one of the files."""
    folder = tmp_path_factory.mktemp("linear") / "out"
    with networks_alone(), converting_here():
        export_run(detector_run, folder, quantize=("none", "int8"), quiet=True, **LINEAR)
    return folder


def test_every_file_lowers_the_scores_as_keras_does(linear, detector_run, squares):
    suppression = Suppression("soft-linear", iou=0.25, max_detections=30)
    card = read_card(linear)
    assert card.suppression == {"method": "soft-linear", "iou": 0.25, "per_class": True, "max_detections": 30}
    assert card.refused == {}
    assert "--nms soft-linear --nms-iou 0.25 --max-detections 30" in card.command[-1]
    assert "(soft-linear NMS at IoU 0.25, class by class, at most 30 boxes)" in (linear / "README.md").read_text()
    pictures = np.stack([fit_image(squares.load(index).image, SIZE, "pad") for index in range(5)])
    keras, hard = load_runner(detector_run, suppression=suppression), load_runner(detector_run)
    expected = keras(pictures)
    assert (keras.suppression, hard.suppression) == (suppression, Suppression())
    assert np.abs(expected[1] - hard(pictures)[1][:, :30]).max() > 0.01, "there is something to lower"
    for file, slack in (("saved_model", 1e-3), ("model_float32.tflite", 1e-3), ("model_int8.tflite", 0.1)):
        runner = load_runner(linear / file)
        assert runner.suppression == suppression
        found = runner(pictures)
        assert [part.shape for part in found] == [(5, 30, 4), (5, 30), (5, 30), (5,)]
        # Behind the suppression the scores are calibrated, by curves of each file's own.
        own = -np.sort(-runner.fitted.calibration.undone(found[1], found[2]), axis=1)
        np.testing.assert_allclose(own, expected[1], atol=slack)
        assert card.files[file]["outputs"][0]["shape"][1:] == [30, 4]
    operators = card.files["model_int8.tflite"]["operators"]
    assert operators["WHILE"] == 1
    assert not [name for name in operators if name.startswith(("CUSTOM", "FLEX"))]


def test_what_an_exported_file_does_cannot_be_told_otherwise(linear):
    for path in (linear, linear / "model_int8.tflite"):
        with pytest.raises(UsageError) as error:
            load_runner(path, suppression=Suppression())
        assert "model_int8.tflite thins out its boxes itself (soft-linear NMS at IoU 0.25, class by class" in str(
            error.value
        )


def test_models_without_boxes_have_nothing_to_suppress(run_folder):
    with pytest.raises(UsageError, match=r"--max-detections are for detection models, this is a saliency model"):
        load_runner(run_folder, suppression=Suppression())
    with pytest.raises(UsageError, match=r"are for detection models, this is a saliency model"):
        load_runner(shipped_models()["saliency_lite0"], suppression=Suppression())
    with pytest.raises(UsageError, match=r"are for detection models"):
        export_run(run_folder, run_folder.parent / "never", nms="hard", quiet=True)
    assert get_task("saliency").suppression is None


def test_card_json_is_read_by_those_that_do_not_know_suppression(linear):
    values = json.loads((linear / "card.json").read_text())
    assert values["schema_version"] >= 7
    assert Suppression.from_dict(values["suppression"]) == load_runner(linear).suppression


BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [30, 30, 50, 50], [30, 30, 50, 48]], np.float32)
SCORES = np.array([[0.9, 0.1], [0.8, 0.1], [0.2, 0.7], [0.2, 0.6]], np.float32)
RULE = Suppression("soft-linear", iou=0.5)


def compared(*found, rule=RULE, limit=100):
    """Compare (candidate, class, score) with the candidates."""
    measured = (SoftBoxAgreement if not rule.is_hard else BoxAgreement)(rule)
    index, kind, score = (np.array(part) for part in zip(*found))
    boxes = (BOXES[index], score.astype(np.float32), kind)
    measured.update((BOXES, SCORES), boxes, boxes, limit=limit)
    return round(measured.score, 5), round(measured.box, 5), measured.missing, measured.doubled


RIGHT = [(0, 0, 0.9), (2, 1, 0.7), (2, 0, 0.2), (1, 0, 0.16), (0, 1, 0.1), (3, 1, 0.06), (3, 0, 0.02), (1, 1, 0.02)]


def test_lowered_scores_are_right_whichever_comes_first():
    assert compared(*RIGHT) == (0, 0, 0, 0)
    swapped = [(1, 0, 0.8), (2, 1, 0.7), (2, 0, 0.2), (0, 0, 0.18), *RIGHT[4:]]
    assert compared(*swapped) == (0, 0, 0, 0), "another network may find the second surer"


def test_scores_that_are_not_lowered_or_too_much_and_boxes_left_out_are_noticed():
    for unlowered in (0.8, 0.3, 0.2, 0.08):
        score, box, *_ = compared(*RIGHT[:3], (1, 0, unlowered), *RIGHT[4:])
        assert score > 1e-3 or box > 0.5, unlowered
    assert compared(*RIGHT[:1], *RIGHT[2:])[2] == 1, "a sure one is not there"
    assert compared(*RIGHT[:2], limit=2)[2] == 0, "what the limit cuts off is not missed"


def test_hard_suppression_over_all_classes_hides_other_classes():
    everywhere = Suppression(per_class=False)
    alone = [(0, 0, 0.9), (2, 1, 0.7)]
    assert compared(*alone, rule=everywhere) == (0, 0, 0, 0)
    assert compared(*alone, (0, 1, 0.1), rule=everywhere)[3] == 1
    assert compared(*alone, (0, 1, 0.1), rule=Suppression())[3] == 0
