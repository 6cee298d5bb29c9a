"""mIoU by data set, batch and image against sets of pixels; absent classes, ignored pixels, what is refused."""

import json

import numpy as np
import pytest

from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.metrics import Jaccard, confusion_matrix
from metricfit.trainers.metrics.jaccard import class_iou

from ...reference import jaccard as reference

NAMES = ("sky", "road", "car", "sign")


def pictures(count=7, seed=0, classes=4, ignore=255):
    """Pairs of class maps of several sizes, each of which lacks some class; one of them is ignored as a whole."""
    rng = np.random.default_rng(seed)
    pairs = []
    for number in range(count):
        shape = rng.integers(3, 9, 2)
        known = rng.permutation(classes)[: 1 + number % classes]
        labels = rng.choice(known, shape)
        predicted = np.where(rng.random(shape) < 0.6, labels, rng.integers(0, classes, shape))
        labels[rng.random(shape) < 0.15] = ignore
        pairs.append((labels, predicted))
    pairs[3][0][:] = ignore
    return pairs


def measured(pairs, **options):
    metric = Jaccard(NAMES, **options)
    for labels, predicted in pairs:
        metric.update(labels, predicted)
    return metric.result()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("batch_size", [1, 2, 4, 50])
def test_all_means_agree_with_sets_of_pixels(seed, batch_size):
    pairs = pictures(seed=seed)
    result = measured(pairs, batch_size=batch_size)
    # What is ignored as a whole is in no batch.
    counted = [pair for pair in pairs if (pair[0] != 255).any()]
    batches = [counted[start : start + batch_size] for start in range(0, len(counted), batch_size)]
    for suffix, present in (("", False), ("_present", True)):
        expected = {
            f"dataset_miou{suffix}": reference.miou(pairs, 4, 255, present),
            f"batch_miou{suffix}": reference.mean_over(batches, 4, 255, present),
            f"image_miou{suffix}": reference.mean_over([[pair] for pair in pairs], 4, 255, present),
        }
        for name, value in expected.items():
            assert result.scalars[name] == pytest.approx(value, abs=1e-12), name
    np.testing.assert_array_equal(result.confusion, reference.confusion(pairs, 4, 255))
    np.testing.assert_allclose(class_iou(result.confusion), [reference.index_of_class(pairs, c, 255) for c in range(4)])
    right = sum(((labels == found) & (labels != 255)).sum() for labels, found in pairs)
    assert result.pixel_accuracy == pytest.approx(right / sum((labels != 255).sum() for labels, _ in pairs))
    assert result.images == 6


def test_absent_classes():
    labels, missing = np.zeros((2, 5), int), np.zeros((2, 5), int)
    result = measured([(labels, missing)])
    assert (result.dataset_miou, result.dataset_miou_present) == (1, 1)
    missing[0, 0] = 2
    result = measured([(labels, missing)])
    # Section 3.1: a single pixel of an absent class takes its index from 1 to 0.
    assert result.dataset_miou == pytest.approx((0.9 + 1 + 0 + 1) / 4)
    assert result.dataset_miou_present == pytest.approx(0.9)
    assert result.class_scalars["car"] == {"share": 0.0, "iou": 0.0, "precision": 0.0}
    assert result.class_scalars["sign"] == {"share": 0.0}
    assert result.class_scalars["sky"] == {"share": 1.0, "iou": 0.9, "recall": 0.9, "precision": 1.0}


def test_it_can_be_asked_on_the_way():
    pairs = pictures()
    metric = Jaccard(NAMES, batch_size=4)
    for number, (labels, predicted) in enumerate(pairs):
        metric.update(labels, predicted)
        early = metric.result()
        assert early.scalars == measured(pairs[: number + 1], batch_size=4).scalars
    assert metric.result().scalars == measured(pairs, batch_size=4).scalars
    table = json.loads(json.dumps(early.to_dict()))
    assert table["scalars"]["image_miou"] == early.image_miou
    assert np.sum(table["confusion"]) == early.confusion.sum()


def test_without_an_ignored_label_255_is_a_class():
    labels = np.arange(256).reshape(16, 16)
    table = confusion_matrix(labels, labels[::-1], 256, ignore=None)
    assert table.sum() == 256
    assert table[255, 15] == 1
    assert class_iou(np.stack([np.eye(3), np.zeros((3, 3))])).tolist() == [[1, 1, 1]] * 2


def test_what_is_refused():
    with pytest.raises(ValueError, match="share one shape"):
        confusion_matrix(np.zeros((2, 3)), np.zeros((3, 2)), 2)
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.1, got 0\.\.2"):
        confusion_matrix(np.array([0, 2, 255]), np.zeros(3), 2)
    with pytest.raises(ValueError, match="predicted classes must lie"):
        confusion_matrix(np.zeros(2), np.array([0, -1]), 2)
    with pytest.raises(MetricfitError, match="nothing to measure"):
        measured([(np.full((2, 2), 255), np.zeros((2, 2)))])
    with pytest.raises(ValueError, match="batch_size of at least 1"):
        Jaccard(NAMES, batch_size=0)
