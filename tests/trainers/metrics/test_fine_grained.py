"""IoU picture by picture, of the worst ones and near edges, against loops over pictures, classes and pixels."""

import math

import cv2
import numpy as np
import pytest

from metricfit.trainers.metrics.boundary import BoundaryIoU, near_edges
from metricfit.trainers.metrics.fine_grained import WORST, FineGrained
from metricfit.trainers.metrics.jaccard import confusion_matrix

from ...reference import fine_grained as reference
from .test_jaccard import NAMES, pictures


def measured(pairs):
    fine, boundary = FineGrained(NAMES), BoundaryIoU(NAMES)
    for labels, predicted in pairs:
        fine.add(confusion_matrix(labels, predicted, len(NAMES)))
        boundary.update(labels, predicted)
    return fine, boundary


def coarse(count, seed):
    """Class maps of a few blocks, in some of which blocks are wrong."""
    rng, pairs = np.random.default_rng(seed), []
    for _ in range(count):
        shape = rng.integers(2, 6, 2)
        labels = rng.choice([0, 1, 2, 3, 3, 255], shape)
        found = np.where(
            rng.random(shape) < rng.random(), rng.integers(0, 4, shape), np.where(labels == 255, 0, labels)
        )
        pairs.append(tuple(np.kron(one, np.ones((9, 7), np.uint8)).astype(np.uint8) for one in (labels, found)))
    return pairs


@pytest.mark.parametrize("seed", range(4))
def test_means_and_worst_pictures_are_those_of_loops(seed):
    pairs = pictures(count=45, seed=seed)
    result, each = measured(pairs)[0].result(), reference.ious(pairs, 4)
    by_class = [[one[kind] for one in each if kind in one] for kind in range(4)]
    means = [sum(values) / len(values) for values in by_class]
    assert list(result.by_class.values()) == pytest.approx(means, abs=1e-9)
    assert result.class_image_miou == pytest.approx(np.mean(means), abs=1e-9)
    by_picture = [sum(one.values()) / len(one) for one in each]
    assert result.worst_image_miou == pytest.approx(reference.worst(by_picture, WORST), abs=5e-4)
    expected = np.mean([reference.worst(values, WORST) for values in by_class])
    assert result.worst_class_image_miou == pytest.approx(expected, abs=5e-4)
    assert result.worst_image_miou < np.mean(by_picture) - 0.1


@pytest.mark.parametrize("seed", range(3))
def test_boundary_iou_is_that_of_masks_without_their_eroded_ones(seed):
    pairs = coarse(5, seed)
    assert measured(pairs)[1].result() == pytest.approx(reference.boundary_miou(pairs, 4), abs=1e-12)


def test_a_distance_of_several_pixels():
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 3, (3, 4)), np.ones((13, 11), np.uint8)).astype(np.uint8)
    for distance in (1, 3, 7):
        expected = np.zeros(labels.shape, bool)
        for kind in range(3):
            # As the paper's code has it: zeros around, and so many erosions.
            mask = cv2.copyMakeBorder((labels == kind).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
            expected |= (mask - cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=distance))[1:-1, 1:-1] > 0
        np.testing.assert_array_equal(near_edges(labels, distance), expected)
        assert expected.all() == (distance == 7)
    assert near_edges(np.zeros((4, 40), np.uint8), 2).all()


def test_edges_are_seen_where_iou_sees_little():
    """A disc that is three pixels too large: little of its area, and most of its edge."""
    rows, columns = np.mgrid[:400, :400]
    away = np.hypot(rows - 200, columns - 200)
    labels, found = (away < 150).astype(np.uint8), (away < 153).astype(np.uint8)
    boundary = BoundaryIoU(("around", "disc"))
    boundary.update(labels, found)
    whole = (labels & found).sum() / (labels | found).sum()
    assert whole > 0.95
    assert 0.5 < boundary.result() < 0.85
    boundary = BoundaryIoU(("around", "disc"))
    boundary.update(labels, labels)
    assert boundary.result() == 1


def test_parts_add_up_in_any_order():
    pairs = pictures(count=30, seed=7)
    parts = [measured(pairs[:11]), measured(pairs[11:12]), measured(pairs[12:])]
    for order in ((0, 1, 2), (2, 0, 1)):
        fine, boundary = measured([])
        for place in order:
            fine.merge(parts[place][0])
            boundary.merge(parts[place][1])
        whole = measured(pairs)
        assert fine.result().scalars == whole[0].result().scalars
        assert boundary.result() == whole[1].result()
    with pytest.raises(ValueError, match="must share class_names"):
        fine.merge(FineGrained(("a",)))


def test_where_nothing_counts_there_is_no_figure():
    fine, boundary = measured([(np.full((3, 3), 255, np.uint8), np.zeros((3, 3), np.uint8))])
    assert fine.result() is None
    assert math.isnan(boundary.result())
