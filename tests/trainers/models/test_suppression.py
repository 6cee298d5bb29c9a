"""Suppression: against the papers' loops, and worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.detector.detect import detections
from metricfit.trainers.models.detector.suppressing import thinned_out
from metricfit.trainers.models.detector.suppression import METHODS, Suppression, suppression_of_flags
from tests.reference.suppression import suppress

SIDE = 96
HALVES = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 5], [40, 40, 50, 50]], np.float32)
"""The second overlaps the first with an IoU of 0.8, the third with 0.5 (the second with 0.625), the last none."""


def crowd(seed, count=120, classes=3):
    """Boxes that overlap in groups, as a network gives them, some without extent; logits fall."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(10, SIDE - 10, (6, 2))[rng.integers(0, 6, count)] + rng.normal(0, 4, (count, 2))
    sides = rng.uniform(8, 30, (count, 2))
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).clip(0, SIDE).astype(np.float32)
    boxes[::17, 2] = boxes[::17, 0]
    logits = np.sort(rng.normal(-1, 2, count).astype(np.float32))[::-1].copy()
    return boxes, logits, rng.integers(0, classes, count).astype(np.int32)


def parameter(suppression):
    return suppression.sigma if suppression.iou is None else suppression.iou


def found(boxes, logits, classes, suppression, threshold=0.0):
    kept, scores, count = thinned_out(
        tf.constant(boxes), tf.constant(logits), tf.constant(classes), SIDE, suppression, threshold
    )
    return kept.numpy()[: int(count)], scores.numpy()[: int(count)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize(("seed", "most", "threshold"), [(0, 100, 0.0), (1, 20, 0.0), (2, 150, 0.2)])
def test_it_is_that_of_the_papers(method, per_class, seed, most, threshold):
    boxes, logits, classes = crowd(seed)
    suppression = Suppression(method, per_class=per_class, max_detections=most)
    kept, scores = found(boxes, logits, classes, suppression, threshold)
    seen = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    expected = suppress(
        boxes[seen], 1 / (1 + np.exp(-logits[seen].astype(np.float64))), classes[seen],
        method=method, parameter=parameter(suppression), per_class=per_class, most=most, lowest=threshold,
    )  # fmt: skip
    assert len(expected) > 5
    assert kept.tolist() == [seen[place] for place, _ in expected]
    np.testing.assert_allclose(scores, [score for _, score in expected], rtol=2e-5)
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize(
    ("suppression", "factors"),
    [
        (Suppression(), {0: 1, 3: 1, 2: 1}),  # an IoU of 0.5 is not more than 0.5
        (Suppression(iou=0.49), {0: 1, 3: 1}),
        (Suppression("soft-linear"), {0: 1, 1: 0.2 * 0.375, 2: 0.5, 3: 1}),
        (Suppression("soft-linear", iou=0.7), {0: 1, 1: 0.2, 2: 1, 3: 1}),
        (Suppression("soft-gaussian", sigma=1.0), {0: 1, 1: np.exp(-0.64 - 0.625**2), 2: np.exp(-0.25), 3: 1}),
    ],
)
def test_factors_by_hand(suppression, factors):
    """The first lowers the second below the third, which then comes first and lowers the second once more."""
    scores = np.array([0.9, 0.7, 0.6, 0.5])
    kept, after = found(HALVES, np.log(scores / (1 - scores)).astype(np.float32), np.zeros(4, np.int32), suppression)
    assert sorted(kept) == sorted(factors)
    np.testing.assert_allclose(after, [scores[place] * factors[place] for place in kept], rtol=1e-5)


def test_classes_leave_each_other_alone_unless_told_otherwise():
    logits, classes = np.array([3, 2, 1, 0], np.float32), np.array([0, 1, 1, 0], np.int32)
    assert found(HALVES, logits, classes, Suppression())[0].tolist() == [0, 1, 3]
    assert found(HALVES, logits, classes, Suppression(per_class=False))[0].tolist() == [0, 2, 3]


def test_a_batch_of_soft_detections_is_its_pictures():
    rng = np.random.default_rng(3)
    references = crowd(3, 40)[0] + [0, 0, 1, 1]
    logits = rng.normal(-1, 2, (3, 40, 2)).astype(np.float32)
    codes = rng.normal(0, 1, (3, 40, 4)).astype(np.float32)
    for method in METHODS[1:]:
        suppression = Suppression(method, max_detections=30)
        together = detections(logits, codes, references, SIDE, suppression=suppression)
        assert [part.shape for part in together] == [(3, 30, 4), (3, 30), (3, 30), (3,)]
        for image in range(3):
            alone = detections(logits[image, None], codes[image, None], references, SIDE, suppression=suppression)
            for part, other in zip(together, alone):
                np.testing.assert_array_equal(part[image], other[0])


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"nms": "softer"}, "--nms must be one of hard, soft-linear, soft-gaussian, got softer"),
        ({"nms_iou": 1.5}, "--nms-iou must be from 0 to 1, got 1.5"),
        ({"nms": "soft-gaussian", "nms_iou": 0.5}, "--nms-iou is for --nms hard and soft-linear, soft-gaussian has"),
        ({"nms_sigma": 0.5}, "--nms-sigma is for --nms soft-gaussian, hard has none"),
        ({"nms": "soft-gaussian", "nms_sigma": 0}, "--nms-sigma must be above 0 and at most 10, got 0"),
        ({"max_detections": 0}, "--max-detections must be from 1 to 1000, got 0"),
        ({"max_detections": 1001}, "--max-detections must be from 1 to 1000, got 1001"),
    ],
)
def test_wrong_flags_end_in_a_sentence(flags, sentence):
    with pytest.raises(UsageError) as error:
        suppression_of_flags(**flags)
    assert str(error.value).startswith(sentence)


def test_flags_make_a_rule_and_its_words_make_it_again():
    assert suppression_of_flags() is None
    assert suppression_of_flags(nms_per_class=True) is None
    for flags in ({"nms": "soft-linear", "max_detections": 7}, {"nms": "soft-gaussian"}, {"nms_per_class": False}):
        rule = suppression_of_flags(**flags)
        assert Suppression.from_dict(rule.to_dict()) == rule
    assert str(Suppression()) == "hard NMS at IoU 0.5, class by class, at most 100 boxes"
    assert str(suppression_of_flags("soft-gaussian", nms_per_class=False)) == (
        "soft-gaussian NMS at sigma 0.5, over all classes, at most 100 boxes"
    )
