"""Reports of calibrated scores: fitted to what is judged, or by curves that the model has already."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest

from metricfit.trainers.calibration.curves import Calibration, Curve
from metricfit.trainers.calibration.held_out import Fitted
from metricfit.trainers.data.example import Example
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.metrics import Found

from ..detections import NAMES, box_calibration, random_pictures

KNOWN = ("emu", "owl", "cat", "dog")
BY = ("isotonic", "precision")


def judged(pictures, *, start=0, judge=None, scores=lambda scores, _: scores, **options):
    judge = judge or BoxJudge(NAMES, model_classes=KNOWN, start=start, **options)
    kinds = np.array([KNOWN.index(name) for name in NAMES])
    for truth, found in pictures:
        example = Example(
            np.zeros((8, 8, 3), np.uint8), boxes=truth.boxes, classes=truth.classes, difficult=truth.difficult,
            crowd=truth.crowd, areas=truth.areas,
        )  # fmt: skip
        classes = kinds[found.classes]
        judge.update(example, Found(found.boxes, scores(found.scores, classes), classes))
    return judge


@pytest.fixture(scope="module")
def pictures():
    return random_pictures(seed=3, count=80, scale=0.1)


@pytest.fixture(scope="module")
def report(pictures):
    return judged(pictures, calibrate=BY, shown=(0, 5)).result()


def test_a_report_goes_by_the_scores_it_has_fitted(pictures, report):
    plain = judged(pictures).result()
    assert report.scalars["ap"] == pytest.approx(plain.scalars["ap"], abs=1e-3)
    assert report.scalars["olrp"] == pytest.approx(plain.scalars["olrp"], abs=1e-6)
    assert report.uncalibrated.scalars["f1_threshold"] == plain.scalars["f1_threshold"] < 0.1
    assert report.scalars["f1_threshold"] > 0.2
    assert report.scalars["f_half"] > report.uncalibrated.scalars["f_half"] == 0
    assert report.scalars["detection_ece"] < 0.15 < report.uncalibrated.scalars["detection_ece"]
    for name, curve in zip(KNOWN, report.fitted.calibration.curves):
        if name in NAMES:
            raw, threshold = plain.class_scalars[name]["threshold"], report.class_scalars[name]["threshold"]
            wanted = report.fitted.calibration.scores(np.array([raw]), np.array([KNOWN.index(name)]))[0]
            # A little lower, so that a file's own rounding does not leave the box out.
            assert wanted * (1 - 2e-5) < threshold < wanted * (1 - 5e-6)
            assert curve.at
    assert report.fitted.calibration.finds[0] == 0
    assert (report.fitted.images, report.fitted.detections) == (
        80,
        len(np.concatenate([f.scores for _, f in pictures])) - ignored(pictures),
    )
    assert report.pictures[1].found.scores.max(initial=0) <= 1
    assert set(report.figures()) == {
        "precision_recall", "thresholds", "class_ap", "confusion", "reliability", "panels",
    }  # fmt: skip


def ignored(pictures):
    from metricfit.trainers.calibration.finds import Finds

    return sum(len(found.scores) for _, found in pictures) - len(Finds.of(pictures, 3).scores)


def test_what_it_says_of_calibration_is_held_out(pictures, report):
    record = report.fitted
    for name in ("detection_ece", "laece_0", "laace_0"):
        assert record.before[name] == report.uncalibrated.scalars[name]
        assert record.after[name] == report.scalars[name]
        low, high = record.before_intervals[name]
        assert low < record.before[name] < high
        assert record.after_intervals[name][0] < record.after[name]
    # By curves that know the answers it would look better.
    calibrated = [(truth, Found(found.boxes, of_source(record, found), found.classes)) for truth, found in pictures]
    cuts = np.array([report.class_scalars[name]["threshold"] for name in NAMES])
    assert box_calibration(calibrated, NAMES, cuts).detection_ece < record.after["detection_ece"]
    assert Fitted.from_dict(json.loads(json.dumps(report.to_dict()))["score_calibration"]) == record


def test_where_calibrating_is_in_vain_the_report_says_so(report):
    assert report.note == ""
    before = {**report.fitted.before, "detection_ece": report.fitted.after["detection_ece"] / 2}
    worse = replace(report, fitted=replace(report.fitted, before=before))
    assert worse.note.startswith("calibrating did not help: D-ECE of pictures left out is 0.")
    of_iou = replace(report.fitted.calibration, target="iou")
    assert replace(report, fitted=replace(worse.fitted, calibration=of_iou)).note == ""


def of_source(record, found):
    return record.calibration.scores(found.scores, np.array([KNOWN.index(name) for name in NAMES])[found.classes])


def test_parts_are_merged_to_the_same_report(pictures, report):
    first, second = (
        judged(pictures[:30], calibrate=BY, shown=(0, 5)),
        judged(pictures[30:], start=30, calibrate=BY, shown=(0, 5)),
    )
    second.merge(first)
    assert json.dumps(second.result().to_dict()) == json.dumps(report.to_dict())
    with pytest.raises(ValueError, match="must share calibrate"):
        BoxJudge(("a",)).merge(BoxJudge(("a",), calibrate=BY))


def test_a_model_that_is_calibrated_is_seen_before_and_after(pictures, report):
    curves = report.fitted.calibration
    thresholds = [report.class_scalars.get(name, {}).get("threshold", 0.5) for name in KNOWN]
    single, own = report.scalars["f1_threshold"], report.uncalibrated.scalars["f1_threshold"]
    other = random_pictures(seed=9, count=60, scale=0.1)
    again = judged(
        other, scores=lambda scores, kinds: curves.scores(scores, kinds).astype(np.float32), calibration=curves,
        thresholds=thresholds, carried=(single, own),
    ).result()  # fmt: skip
    raw = [curve.undo(np.log(t / (1 - t))) for curve, t in zip(curves.curves, thresholds)]
    plain = judged(other, thresholds=1 / (1 + np.exp(-np.array(raw)))).result()
    before = again.uncalibrated
    for name in ("detection_ece", "laece_0", "laace_0"):
        assert before.scalars[name] == pytest.approx(plain.scalars[name], abs=1e-4)
    for name in ("f1", "lrp", "f1_threshold", "lrp_threshold", "band_low", "band_high"):
        assert before.scalars[name] == pytest.approx(plain.scalars[name], abs=1e-5)
    assert before.scalars["transferred"] <= before.scalars["f1"]
    assert again.scalars["transferred"] <= again.scalars["f1"]
    assert again.fitted is None
    assert set(again.to_dict()["uncalibrated"]["classes"]) == set(NAMES)
    with pytest.raises(ValueError, match="calibration must have 4 curves, one a class, got 3"):
        BoxJudge(
            NAMES,
            model_classes=KNOWN,
            calibration=dataclasses.replace(curves, curves=curves.curves[:3], finds=(0,) * 3),
        )


def test_a_model_that_finds_nothing_is_left_as_it_is():
    pictures = [
        (truth, Found(found.boxes[:0], found.scores[:0], found.classes[:0]))
        for truth, found in random_pictures(count=4)
    ]
    report = judged(pictures, calibrate=BY).result()
    assert report.fitted.detections == 0
    assert report.fitted.calibration == Calibration(*BY, (Curve((0.0,), (0.0,), (1.0, 1.0)),) * 4, (0,) * 4)
