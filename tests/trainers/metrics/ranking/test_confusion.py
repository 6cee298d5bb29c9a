"""Which class boxes are taken for: by hand, against slow loops, and against pycocotools' matches over all classes."""

import contextlib
import io
from collections import Counter

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from metricfit.trainers.metrics.confusion import Confusion
from metricfit.trainers.metrics.ranking.confusion import confused
from metricfit.trainers.metrics.ranking.lrp import LRP, Sweep
from metricfit.trainers.metrics.ranking.matching import Found, Truth

from ....reference import confusion as reference
from ...detections import random_pictures

NAMES = ("cat", "dog", "owl")
CUTS = np.array([0.5, 0.3, 0.1])


def listed(truth, found):
    """Give a picture as the reference takes it."""
    true = list(zip(truth.boxes.tolist(), truth.classes.tolist(), truth.difficult.tolist(), truth.crowd.tolist()))
    return true, list(zip(found.boxes.tolist(), found.classes.tolist(), found.scores.tolist()))


def box(x, y=0, side=10):
    return [x, y, x + side, y + side]


def twins(truth, found):
    kinds = np.stack([truth.classes, 2 - truth.classes], axis=1).ravel()
    again = [np.repeat(column, 2, axis=0) for column in (truth.boxes, truth.difficult, truth.crowd)]
    return Truth(again[0], kinds, *again[1:]), Found(found.boxes, np.round(found.scores, 1), found.classes)


def counted(truth, found, cuts=CUTS):
    return confused([(truth, found)], NAMES, cuts).counts.tolist()


def test_by_hand():
    truth = Truth([box(0), box(20), box(40), box(60)], [0, 0, 1, 2])
    # A cat that is right, one below its threshold, a dog taken for an owl, and a dog where nothing is.
    found = Found([box(1), box(20), box(40), box(90)], [0.9, 0.4, 0.8, 0.7], [0, 0, 2, 1])
    assert counted(truth, found) == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]


def test_the_surest_box_of_any_class_takes_the_object():
    truth = Truth([box(0)], [0])
    found = Found([box(0), box(1)], [0.6, 0.7], [0, 1])
    assert counted(truth, found) == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    found.scores[:] = [0.7, 0.6]
    assert counted(truth, found) == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("classes", [[0, 1], [1, 0]])
def test_of_equal_overlaps_a_box_takes_its_own_class(classes):
    """One object with two names, as Open Images has: the order of the annotations decides nothing."""
    truth = Truth([box(0), box(0)], classes)
    found = Found([box(1), box(1)], [0.9, 0.8], [1, 0])
    assert counted(truth, found) == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_boxes_that_do_not_count_excuse_their_own_class_alone():
    truth = Truth([box(0, side=40), box(60)], [0, 1], crowd=[True, False], difficult=[False, True])
    found = Found([box(3), box(9), box(3), box(60), box(60)], [0.9, 0.8, 0.7, 0.6, 0.5], [0, 0, 1, 1, 2])
    assert counted(truth, found) == [[0] * 4, [0] * 4, [0] * 4, [0, 1, 1, 0]]


@pytest.mark.parametrize("seed", range(6))
def test_loops_count_the_same(seed):
    pictures = random_pictures(seed=seed, count=25)
    if seed % 2:  # every true box has a twin of another class, and many scores are equal
        pictures = [twins(*picture) for picture in pictures]
    slow = reference.confusion([listed(*one) for one in pictures], 3, CUTS)
    expected = np.zeros((4, 4), int)
    for (true, found), often in slow.items():
        expected[3 if true is None else true, 3 if found is None else found] = often
    table = confused(pictures, NAMES, CUTS)
    np.testing.assert_array_equal(table.counts, expected)
    assert table.counts[:3].sum() == sum((~truth.ignored).sum() for truth, _ in pictures), "a row has all objects"


def test_pycocotools_matches_the_same_boxes_where_classes_do_not_matter():
    pictures = [
        (Truth(truth.boxes[~truth.ignored], truth.classes[~truth.ignored]), found)
        for truth, found in random_pictures(seed=3, count=40)
    ]
    data, results, kinds = {"images": [], "annotations": [], "categories": [{"id": 1}]}, [], {}
    for image, (truth, found) in enumerate(pictures, start=1):
        data["images"].append({"id": image})
        for (x0, y0, x1, y1), kind in zip(truth.boxes.tolist(), truth.classes.tolist()):
            number = len(data["annotations"]) + 1
            kinds["true", number] = kind
            entry = {"id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "area": (x1 - x0) * (y1 - y0)}
            data["annotations"].append({**entry, "bbox": [x0, y0, x1 - x0, y1 - y0]})
        for (x0, y0, x1, y1), kind, score in zip(found.boxes.tolist(), found.classes.tolist(), found.scores.tolist()):
            if score >= CUTS[kind]:
                kinds["found", len(results) + 1] = kind
                entry = {"image_id": image, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": score}
                results.append(entry)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = data
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.useCats, evaluation.params.iouThrs = 0, np.array([0.5])
        evaluation.evaluate()
    pairs = Counter()
    for one in evaluation.evalImgs[: len(pictures)]:
        for number, met in zip(one["dtIds"], one["dtMatches"][0]) if one else ():
            pairs[kinds["true", int(met)] if met else 3, kinds["found", number]] += 1
    found = confused(pictures, NAMES, CUTS).counts
    assert found[:3, :3].sum() > 20
    for true in range(4):
        assert found[true, :3].tolist() == [pairs[true, kind] for kind in range(3)]


def test_one_class_is_counted_as_lrp_counts_it():
    pictures = [
        (
            Truth(truth.boxes, np.zeros(len(truth.boxes), int), truth.difficult, truth.crowd),
            Found(found.boxes, found.scores, np.zeros(len(found.boxes), int)),
        )
        for truth, found in random_pictures(seed=5, count=30)
    ]
    lrp = LRP(("thing",))
    for picture in pictures:
        lrp.update(*picture)
    sweep = Sweep.over(lrp.matches.by_class(), 0.5)
    for threshold in (0.0, 0.4, 0.8):
        hits = int(sweep.at(sweep.true_positives, np.array([threshold]))[0])
        found = int((sweep.scores >= threshold).sum())
        table = confused(pictures, ("thing",), np.array([threshold])).counts
        assert table.tolist() == [[hits, sweep.truths - hits], [found - hits, 0]]


def test_what_nobody_can_find_and_nothing_found():
    truth, nothing = Truth([box(0), box(20)], [0, 2]), Found(np.zeros((0, 4)), [], [])
    assert counted(truth, nothing) == [[0, 0, 0, 1], [0] * 4, [0, 0, 0, 1], [0] * 4]
    found = Found([box(0), box(20)], [0.9, 1.0], [0, 2])
    cuts = np.array([0.5, 0.5, np.inf])  # a class that the model does not know
    assert counted(truth, found, cuts) == [[1, 0, 0, 0], [0] * 4, [0, 0, 0, 1], [0] * 4]
    empty = confused([], NAMES, CUTS)
    assert not empty.counts.any()
    assert np.isnan(empty.shares).all()
    assert empty.mistakes(5) == []
    with pytest.raises(ValueError, match=r"classes must lie in 0\.\.2"):
        counted(Truth([box(0)], [3]), nothing)


def test_what_becomes_of_each_class_and_what_is_mistaken_most():
    table = Confusion.with_background(np.array([[5, 2, 1, 4], [7, 1, 0, 0], [0, 0, 3, 0], [9, 8, 0, 0]]), NAMES)
    assert table.class_scalars["cat"] == {"objects": 12, "right": 5, "mistaken": 3, "missed": 4, "false_finds": 9}
    assert table.class_scalars["owl"] == {"objects": 3, "right": 3, "mistaken": 0, "missed": 0, "false_finds": 0}
    assert table.mistakes(2) == [("dog", "cat", 7, 8), ("cat", "dog", 2, 12)]
    assert len(table.mistakes(9)) == 3
    assert table.names == (*NAMES, "background")
    np.testing.assert_allclose(table.shares[1], [7 / 8, 1 / 8, 0, 0])
    assert Confusion.with_background(np.zeros((2, 2), int), ["background"]).names[0] == "background"
    assert len(set(Confusion.with_background(np.zeros((2, 2), int), ["background"]).names)) == 2
