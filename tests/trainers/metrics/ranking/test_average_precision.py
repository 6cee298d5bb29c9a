"""COCO AP against pycocotools' own files and API, against values worked out by hand, and in corner cases."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.geometry import box_iou
from metricfit.trainers.metrics import CocoAP, Found, Truth, to_coco_results
from metricfit.trainers.metrics.ranking.matching import match

from ...detections import random_pictures, row

NONE = Found(np.zeros((0, 4)), [], [])


def scored(pictures, class_names=("cat",)):
    coco = CocoAP(class_names)
    for truth, found in pictures:
        coco.update(truth, found)
    return coco.result()


def through_files(pictures, classes, folder):
    """What pycocotools says of the same pictures, by its usual way over JSON files."""
    annotations, results = [], []
    for image, (truth, found) in enumerate(pictures):
        for box, kind, crowd, area in zip(truth.boxes, truth.classes, truth.crowd, truth.areas):
            x0, y0, x1, y1 = box.tolist()
            entry = {"id": len(annotations) + 1, "image_id": image, "category_id": int(kind) + 1}
            entry |= {"bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": int(crowd), "area": float(area)}
            annotations.append(entry)
        results += to_coco_results(image, found.boxes, found.scores, found.classes)
    images = [{"id": image} for image in range(len(pictures))]
    categories = [{"id": index + 1} for index in range(classes)]
    truths = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "truth.json").write_text(json.dumps(truths))
    (folder / "results.json").write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "truth.json"))
        evaluation = COCOeval(truth, truth.loadRes(str(folder / "results.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def test_agrees_with_pycocotools_over_files(tmp_path, capsys):
    pictures = random_pictures(seed=3, count=40)
    # Difficult boxes have no counterpart there, and results have hundredths of a pixel.
    pictures = [
        (Truth(truth.boxes, truth.classes, None, truth.crowd), Found(found.boxes.round(2), found.scores, found.classes))
        for truth, found in pictures
    ]
    expected = through_files(pictures, 3, tmp_path)
    result = scored(pictures, "abc")
    assert capsys.readouterr().out == ""
    found = [result.ap, result.ap50, result.ap75, result.ap_small, result.ap_medium, result.ap_large, result.ar]
    np.testing.assert_allclose(found, expected[[0, 1, 2, 3, 4, 5, 8]], atol=1e-6)
    assert 0.2 < result.ap < 0.8
    assert result.ap50 > result.ap75 > result.ap90
    assert result.ap == pytest.approx(np.mean(result.class_ap))
    assert result.curve(0.5).mean() == pytest.approx(result.ap50)
    assert result.class_scalars["b"]["ap75"] == result.class_ap75[1]


def test_hit_miss_hit_by_hand():
    truth = Truth(row(100, 100), [0, 0])
    found = Found(np.concatenate([row(92, 100), [[0, 50, 100, 60]]]), [0.9, 0.7, 0.8], [0, 0, 0])
    result = scored([(truth, found)])
    # In order of score: hit, false alarm, hit. Precision 1 up to recall 1/2 (51 of the 101 recalls), then 2/3.
    assert result.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert result.ap90 == pytest.approx(result.ap50)
    # At IoU .95 the first is a false alarm: recall 1/2 with precision 1/3.
    assert result.precision[9].mean() == pytest.approx(51 / 3 / 101)
    assert result.ap == pytest.approx((9 * result.ap50 + 51 / 3 / 101) / 10)
    assert result.ar == pytest.approx((9 * 1.0 + 0.5) / 10)
    assert result.images == 1


def test_sizes_go_by_the_object_where_its_pixels_are_known():
    boxes = row(100, 100)
    found = Found(boxes, [0.9, 0.8], [0, 0])
    by_box = scored([(Truth(boxes, [0, 0]), found)])
    assert by_box.ap_small == pytest.approx(1.0)
    assert "ap_medium" not in by_box.scalars
    by_object = scored([(Truth(boxes, [0, 0], areas=[500, 5000]), found)])
    assert by_object.ap_small == pytest.approx(1.0)
    assert by_object.ap_medium == pytest.approx(1.0)
    assert np.isnan(by_object.ap_large)


def test_difficult_boxes_are_neither_missed_nor_wrong():
    truth = Truth(row(100, 100), [0, 0], difficult=[False, True])
    hit = Found(row(100), [0.5], [0])
    assert scored([(truth, hit)]).ap == pytest.approx(1.0)
    # Two finds on the difficult box, surer than the hit: neither counts.
    double = np.concatenate([row(100, 100), row(100, 100)[1:]])
    assert scored([(truth, Found(double, [0.5, 0.9, 0.8], [0, 0, 0]))]).ap == pytest.approx(1.0)
    # A small box inside of it does not meet it: the rule for crowds is not for difficult boxes.
    inside = np.concatenate([row(100), [[220, 2, 240, 8]]])
    assert scored([(truth, Found(inside, [0.5, 0.9], [0, 0]))]).ap == pytest.approx(0.5)
    crowd = Truth(row(100, 100), [0, 0], crowd=[False, True])
    assert scored([(crowd, Found(inside, [0.5, 0.9], [0, 0]))]).ap == pytest.approx(1.0)


def test_corner_cases():
    truth = Truth(row(100), [0])
    perfect = scored([(truth, Found(row(100), [0.1], [0]))])
    assert perfect.ap == pytest.approx(1.0)
    assert scored([(truth, NONE)]).ap == 0
    assert scored([(truth, Found(row(100), [0.1], [1]))], ("cat", "dog")).ap == 0
    # A class without truth is left out; a picture without objects counts by its false alarms.
    empty = Truth(np.zeros((0, 4)), [])
    left_out = scored([(truth, Found(row(100), [0.1], [0]))], ("cat", "dog"))
    assert left_out.ap == pytest.approx(1.0)
    assert np.isnan(left_out.class_ap[1])
    assert left_out.class_scalars["dog"] == {}
    alarm = scored([(truth, Found(row(100), [0.1], [0])), (empty, Found(row(100), [0.2], [0]))])
    assert alarm.ap == pytest.approx(0.5)
    with pytest.raises(MetricfitError, match="a box that counts"):
        scored([(empty, NONE), (Truth(row(100), [0], crowd=[True]), NONE)])
    assert scored([(truth, Found([[5, 5, 5, 5], [9, 9, 1, 1]], [0.1, 0.2], [0, 0]))]).ap == 0


def test_more_than_a_hundred_boxes_of_a_class_are_not_read():
    truth = Truth(row(100), [0])
    boxes = np.concatenate([np.tile([[500.0, 500, 510, 510]], (100, 1)), row(100)])
    assert scored([(truth, Found(boxes, np.linspace(1, 0.5, 101), np.zeros(101, int)))]).ap == 0
    assert scored([(truth, Found(boxes[1:], np.linspace(1, 0.5, 100), np.zeros(100, int)))]).ap > 0


def test_refuses_what_is_not_boxes():
    with pytest.raises(ValueError, match=r"\[n, 4\]"):
        Truth(np.zeros((2, 3)), [0, 0])
    with pytest.raises(ValueError, match="classes"):
        Truth(np.zeros((2, 4)), [0])
    with pytest.raises(ValueError, match="difficult must have one entry"):
        Truth(np.zeros((2, 4)), [0, 0], difficult=[True])
    with pytest.raises(ValueError, match="areas"):
        Truth(np.zeros((2, 4)), [0, 0], areas=[1])
    with pytest.raises(ValueError, match="finite score"):
        Found(np.zeros((1, 4)), [np.nan], [0])
    with pytest.raises(ValueError, match="finite"):
        Found([[0, 0, np.inf, 1]], [0.5], [0])
    with pytest.raises(ValueError, match=r"0\.\.0"):
        CocoAP(("cat",)).update(Truth(row(100), [1]), NONE)
    with pytest.raises(ValueError, match="IoU must be"):
        scored([(Truth(row(100), [0]), NONE)]).curve(0.52)


def test_results_as_coco_writes_them():
    entries = to_coco_results(17, [[1.234567, 2, 11.5, 22]], [0.000012345678], [2])
    assert entries == [{"image_id": 17, "category_id": 3, "bbox": [1.23, 2.0, 10.27, 20.0], "score": 1.23457e-05}]
    assert json.loads(json.dumps(entries)) == entries
    assert to_coco_results(1, np.zeros((0, 4)), [], []) == []


def test_matching_is_greedy_by_score():
    truth = row(100, 100)
    # The surer box takes its best; the next one is left with nothing, as nobody gives a match back.
    found = np.array([[0, 0, 100, 10], [0, 0, 90, 10], [200, 0, 260, 10]])
    fate, met = match(box_iou(found, truth), np.array([False, False]))
    assert fate.tolist() == [1, 0, 1]
    assert met.tolist() == [0, -1, 1]
    fate, met = match(box_iou(found, truth), np.array([True, False]))
    assert fate.tolist() == [-1, -1, 1]
    assert met.tolist() == [0, 0, 1]
    fate, _ = match(box_iou(found, truth), np.array([False, False]), threshold=0.7)
    assert fate.tolist() == [1, 0, 0]
    assert match(np.zeros((2, 0)), np.zeros(0, bool))[0].tolist() == [0, 0]
    assert box_iou(found[:1], [[50, 0, 150, 10]])[0, 0] == pytest.approx(1 / 3)
    assert box_iou([[50, 0, 60, 10]], truth, np.array([True, False])).tolist() == [[1.0, 0.0]]
