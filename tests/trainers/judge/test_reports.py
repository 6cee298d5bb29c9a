"""What judges tell: the figures of their measures, thresholds as cards have them, and which pictures they keep."""

import numpy as np
import pytest

from metricfit.trainers.data.example import Example
from metricfit.trainers.errors import DataError
from metricfit.trainers.judge.base import evenly_spread, known
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.judge.classes import ClassJudge
from metricfit.trainers.judge.feeding import judge_all
from metricfit.trainers.judge.likeliest import Likeliest, likeliest, likeliest_sampled
from metricfit.trainers.judge.maps import MapJudge, SaliencyReport, scale_logits
from metricfit.trainers.metrics import FMeasureCurve, Found

from ...reference import calibration as reference
from ..detections import NAMES, Squares


def maps(count=5, contrast=0.6):
    rng = np.random.default_rng(0)
    for index in range(count):
        mask = (rng.random((6, 7)) < 0.4).astype(np.uint8)
        example = Example(np.zeros((6, 7, 3), np.uint8), mask=mask, name=f"{index}")
        yield example, np.clip(contrast * mask + rng.random((6, 7)) * (1 - contrast), 0, 1).astype(np.float32)


def test_maps_are_judged_with_their_logits_scaled():
    judge, curve = MapJudge(beta2=0.5, logit_scale=5.0, shown=[1, 4]), FMeasureCurve(0.5)
    for example, found in maps():
        judge.update(example, found)
        curve.update(scale_logits(found, 5.0), example.mask)
    report, expected = judge.result(), curve.result()
    assert report.scalars["mean_f"] == expected.mean_f
    assert report.thresholds == {
        "optimal": expected.optimal_threshold, "band": list(expected.band), "per_class": [],
    }  # fmt: skip
    assert [picture.name for picture in report.pictures] == ["1", "4"]
    plain = MapJudge(beta2=0.5)
    judge_all(maps(), plain)
    assert plain.result().scalars["polarisation"] < report.scalars["polarisation"]
    assert set(report.figures()) == {"thresholds", "reliability", "panels"}
    assert set(plain.result().figures()) == {"thresholds", "reliability"}
    assert set(SaliencyReport({}, pictures=report.pictures).figures()) == {"panels"}


def test_thresholds_of_boxes_are_those_of_the_model_s_classes():
    judge = BoxJudge(NAMES, model_classes=("emu", "owl", "cat", "dog"))
    source = Squares()
    for index in range(len(source)):
        example = source.load(index)
        kinds = np.array([judge.model_classes.index(NAMES[kind]) for kind in example.classes])
        judge.update(example, Found(example.boxes, 0.5 + 0.1 * kinds, kinds))
    report = judge.result()
    assert report.thresholds["per_class"] == pytest.approx([report.scalars["f1_threshold"], 0.6, 0.7, 0.8])
    assert report.thresholds["optimal"] == pytest.approx(0.6)
    assert report.thresholds["band"] == [report.scalars["band_low"], report.scalars["band_high"]]


def test_maps_are_calibrated_as_they_are_under_every_protocol():
    pairs = list(maps(contrast=0.2))
    confidence = np.concatenate([found.ravel() for _, found in pairs])
    frequency = np.concatenate([example.mask.ravel() for example, _ in pairs])
    expected = reference.expected_error(list(zip(confidence.tolist(), frequency.tolist())), 15)
    for protocol in ("raw", "published"):
        judge = MapJudge(protocol=protocol)
        judge_all(pairs, judge)
        report = judge.result()
        assert report.scalars["pixel_ece"] == pytest.approx(expected, abs=1e-5)
        assert report.to_dict()["calibration"]["temperature"] == report.scalars["temperature"] == report.temperature
        assert report.scalars["tempered_ece"] == report.tempered.error < report.scalars["pixel_ece"]
    without = MapJudge(calibration=False)
    judge_all(pairs, without)
    assert not {"pixel_ece", "temperature", "tempered_ece"} & set(without.result().scalars)
    assert set(without.result().to_dict()) == {"curves", "images"}


def test_logits_scaled_by_the_temperature_are_as_likely_as_can_be():
    judge = MapJudge()
    judge_all(maps(contrast=0.2), judge)
    again = MapJudge(logit_scale=1 / judge.result().temperature)
    judge_all(maps(contrast=0.2), again)
    assert again.result().temperature == pytest.approx(1, abs=0.1)


def test_class_maps_are_calibrated_where_their_confidence_is_known():
    labels, scores = np.array([[0, 1, 2, 255]], np.uint8), np.zeros((1, 4, 3), np.float32)
    scores[0, :, :] = [[0.7, 0.2, 0.1], [0.7, 0.3, 0.0], [0.1, 0.1, 0.8], [1.0, 0.0, 0.0]]
    example = Example(np.zeros((1, 4, 3), np.uint8), labels=labels)
    judge, bare = ClassJudge(NAMES), ClassJudge(NAMES)
    judge.update(example, likeliest(scores))
    bare.update(example, likeliest(scores).classes)
    # Two pixels at .7 of which one is right, one at .8 that is; the ignored one does not count.
    assert judge.result().scalars["pixel_ece"] == pytest.approx(2 / 3 * 0.2 + 1 / 3 * 0.2, abs=1e-5)
    assert judge.result().to_dict()["scalars"]["pixel_ece"] == judge.result().scalars["pixel_ece"]
    assert set(judge.result().figures()) == {"class_iou", "confusion", "reliability"}
    for one in (bare.result(), _judged(example, likeliest(5 * scores))):
        assert "pixel_ece" not in one.scalars
        assert "calibration" not in one.to_dict()
        assert set(one.figures()) == {"class_iou", "confusion"}
        assert one.jaccard.pixel_accuracy == judge.result().jaccard.pixel_accuracy


def test_class_maps_have_a_temperature_where_some_scores_are_known():
    rng, judge = np.random.default_rng(1), ClassJudge(NAMES)
    for place in range(8):
        logits = rng.normal(0, 1.5, (30, 30, 3))
        scores = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        labels = (scores.cumsum(-1) < rng.random((30, 30, 1))).sum(-1).clip(0, 2).astype(np.uint8)
        sharp = scores**3 / (scores**3).sum(-1, keepdims=True)
        example = Example(np.zeros((30, 30, 3), np.uint8), labels=labels, name=f"{place}.png")
        judge.update(example, likeliest_sampled(sharp))
    report = judge.result()
    assert report.scalars["temperature"] == report.temperature == pytest.approx(3, rel=0.15)
    assert report.scalars["tempered_ece"] == report.tempered.error < 0.05 < report.scalars["pixel_ece"]


def _judged(example, found):
    judge = ClassJudge(NAMES)
    judge.update(example, found)
    return judge.result()


@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_the_likeliest_class_is_the_first_of_the_largest(count):
    scores = np.random.default_rng(0).integers(0, 4, (5, 6, count)).astype(np.float64)
    found = likeliest(scores)
    assert isinstance(found, Likeliest)
    np.testing.assert_array_equal(found.classes, scores.argmax(-1))
    np.testing.assert_array_equal(found.confidence, scores.max(-1))
    assert (found.classes.dtype, found.confidence.dtype) == (np.uint8, np.float32)


def test_boxes_are_calibrated_above_the_model_s_thresholds_or_the_best_of_these_data():
    source, known_classes = Squares(), ("emu", *NAMES)
    reports = {}
    for thresholds in (None, (0.0, 0.0, 0.75, 1.0), (0.0, 0.85, 0.85, 0.85)):
        judge = BoxJudge(NAMES, model_classes=known_classes, thresholds=thresholds)
        for index in range(len(source)):
            example = source.load(index)
            judge.update(example, Found(example.boxes, 0.6 + 0.1 * example.classes, example.classes + 1))
        reports[thresholds] = judge.result()
    own, given, none = reports.values()
    # All boxes are right: what is missing is 1 - score, .4 for cats, .3 for dogs, .2 for owls.
    assert own.scalars["laace_0"] == pytest.approx(0.3)
    assert own.to_dict()["calibration"]["thresholds_of"] == "these data"
    assert own.to_dict()["calibration"]["thresholds"] == pytest.approx({"cat": 0.6, "dog": 0.7, "owl": 0.8})
    assert given.class_scalars["cat"]["laece_0"] == pytest.approx(0.4)
    assert "laece_0" not in given.class_scalars["dog"]
    assert given.scalars["laece_0"] == pytest.approx(0.4)
    assert given.to_dict()["calibration"]["thresholds_of"] == "model"
    assert given.to_dict()["calibration"]["thresholds"] == {"cat": 0.0, "dog": 0.75, "owl": 1.0}
    assert not {"detection_ece", "laece_0", "laace_0"} & set(none.scalars)
    assert given.scalars["ap"] == own.scalars["ap"] == none.scalars["ap"]
    with pytest.raises(ValueError, match="thresholds must be one for each of 4 classes, got 2"):
        BoxJudge(NAMES, model_classes=known_classes, thresholds=(0.5, 0.5))


def test_a_model_that_finds_nothing_true_is_calibrated_above_one_half():
    judge = BoxJudge(NAMES)
    example = Squares().load(0)
    judge.update(example, Found(example.boxes + 500, np.array([1.0, 0.4]), example.classes))
    assert judge.result().scalars["detection_ece"] == 1.0


def test_pictures_are_spread_evenly():
    assert evenly_spread(11, 6) == [0, 2, 4, 6, 8, 10]
    assert evenly_spread(3, 6) == [0, 1, 2]


def test_what_cannot_be_judged_is_one_sentence():
    with pytest.raises(DataError, match="a picture has no mask: judge on data that have them"):
        known(Example(np.zeros((2, 2, 3), np.uint8), name="a picture"), "mask")
