"""Calibration errors of boxes: worked examples, and a slow reference on made-up detections."""

import numpy as np
import pytest

from metricfit.trainers.metrics import Found, Truth

from ....reference import calibration as reference
from ...detections import box_calibration, random_pictures, row

NAMES = ("cat", "dog")
EVERYTHING = np.zeros(2)


def calibrated(*pictures, thresholds=EVERYTHING):
    return box_calibration(pictures, NAMES, np.asarray(thresholds))


def cats(boxes):
    return Truth(boxes, np.zeros(len(boxes), np.int64))


def found(boxes, scores, classes=None):
    return Found(boxes, np.array(scores, float), np.zeros(len(boxes), np.int64) if classes is None else classes)


def test_scores_that_are_the_iou_are_calibrated():
    # A box 80 wide has an IoU of 0.8 with one that is 100 wide.
    perfect = calibrated((cats(row(100, 100)), found(row(80, 60), (0.8, 0.6))))
    assert perfect.laece_0 == pytest.approx(0, abs=1e-7)
    assert perfect.laace_0 == pytest.approx(0, abs=1e-7)
    sure = calibrated((cats(row(100, 100)), found(row(100, 100), (1, 1))))
    assert sure.scalars == {"detection_ece": 0.0, "laece_0": 0.0, "laace_0": 0.0}


def test_false_finds_with_score_1_are_as_wrong_as_can_be():
    wrong = calibrated((cats(row(100)), found(row(50, y=500.0), (1,))))
    assert wrong.scalars == {"detection_ece": 1.0, "laece_0": 1.0, "laace_0": 1.0}


def test_two_bins_by_hand():
    # Scores .905 and .915 (one bin, of both sizes): IoU .8 and .4, the latter no true positive; .3: no object at all.
    boxes = np.concatenate([row(80, 40), row(50, y=500.0)])
    one = calibrated((cats(row(100, 100)), found(boxes, (0.905, 0.915, 0.3))))
    # Precision: two boxes at .91 are right by half, one at .3 never.
    assert one.detection_ece == pytest.approx(2 / 3 * (0.91 - 0.5) + 1 / 3 * 0.3)
    assert one.precision.counts.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 2]
    # IoU: their mean is .6.
    assert one.laece_0 == pytest.approx(2 / 3 * (0.91 - 0.6) + 1 / 3 * 0.3, abs=1e-6)
    assert one.laace_0 == pytest.approx((0.105 + 0.515 + 0.3) / 3, abs=1e-6)
    assert one.iou.counts[[7, 22, 23]].tolist() == [1, 2, 0]


def test_every_box_is_its_own_bin_of_laace():
    # Within a bin errors of both signs cancel, box by box they do not.
    one = calibrated((cats(row(100, 100)), found(row(100, 80), (0.9, 0.9))))
    assert one.laece_0 == pytest.approx(0, abs=1e-6)
    assert one.laace_0 == pytest.approx(0.1, abs=1e-6)


def test_nothing_found_is_nothing_to_judge():
    for one in (calibrated(), calibrated((cats(row(100)), found(np.zeros((0, 4)), ())))):
        assert one.scalars == {}
        assert np.isnan([one.detection_ece, one.laece_0, one.laace_0]).all()
        assert one.class_scalars == {"cat": {}, "dog": {}}
        assert one.to_dict()["precision"]["confidence"] == [None] * 10
    below = calibrated((cats(row(100)), found(row(100), (0.4,))), thresholds=(0.5, 0.0))
    assert below.scalars == {}


def test_classes_without_boxes_are_left_out_of_the_means():
    truth = Truth(row(100, 100), np.array([0, 1]))
    one = calibrated((truth, found(row(100), (0.7,))))  # no dog is found
    assert one.class_scalars == {"cat": {"laece_0": pytest.approx(0.3), "laace_0": pytest.approx(0.3)}, "dog": {}}
    assert one.laece_0 == pytest.approx(0.3)
    # No dog is there: the false find counts under all classes together alone.
    both = calibrated((cats(row(100)), found(row(100, 50), (0.7, 0.95), np.array([0, 1]))))
    assert both.laece_0 == pytest.approx(0.3)
    assert both.detection_ece == pytest.approx((0.3 + 0.95) / 2)


def test_a_box_at_its_threshold_counts_and_below_it_takes_nothing():
    pictures = (cats(row(100)), found(row(90, 80), (0.6, 0.5)))
    assert calibrated(pictures, thresholds=(0.6, 0)).iou.counts.sum() == 1
    assert calibrated(pictures, thresholds=(0.5, 0)).iou.counts.sum() == 2


def test_what_ap_leaves_out_is_left_out():
    difficult = Truth(row(100, 100), np.zeros(2, np.int64), np.array([True, False]))
    one = calibrated((difficult, found(row(95, 80), (1.0, 0.8))))
    assert one.iou.counts.sum() == one.precision.counts.sum() == 1
    assert one.laece_0 == pytest.approx(0, abs=1e-6)
    # One that hardly touches the difficult box is a false find, and meets nothing.
    touching = calibrated((difficult, found(row(20), (0.4,))))
    assert touching.laece_0 == pytest.approx(0.4)


def test_a_second_box_on_an_object_is_worth_nothing():
    twice = calibrated((cats(row(100)), found(np.concatenate([row(100), row(90)]), (0.9, 0.5))))
    assert twice.laace_0 == pytest.approx((0.1 + 0.5) / 2)


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_reference_agrees(seed):
    pictures = random_pictures(seed=seed, count=25, classes=3)
    thresholds = np.array([0.0, 0.3, 0.55])
    plain = [
        (
            list(zip(truth.boxes.tolist(), truth.classes.tolist(), truth.difficult.tolist(), truth.crowd.tolist())),
            list(zip(found.boxes.tolist(), found.classes.tolist(), found.scores.tolist())),
        )
        for truth, found in pictures
    ]
    one = box_calibration(pictures, ("a", "b", "c"), thresholds)
    *means, laece, laace = reference.box_errors(plain, 3, thresholds.tolist())
    np.testing.assert_allclose([one.detection_ece, one.laece_0, one.laace_0], means, rtol=1e-9)
    np.testing.assert_allclose(one.class_laece_0, laece, rtol=1e-9)
    np.testing.assert_allclose(one.class_laace_0, laace, rtol=1e-9)
