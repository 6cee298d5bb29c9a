"""The anchors of KerasHub's RetinaNet, and what goes by them, without KerasHub."""

import numpy as np
import pytest

from metricfit.trainers.geometry import box_iou
from metricfit.trainers.models.detector.assignment import ASSIGNMENTS, left_out_by_atss
from metricfit.trainers.models.hub.anchors import HubAnchorGrid
from metricfit.trainers.tasks.anchor_scale import chosen_anchors, settled_anchors
from metricfit.trainers.training.config import DetectionConfig
from tests.reference import assignment as reference

from ..tasks.test_anchor_scale import Placed, some_boxes
from .test_assignment import random_batch


def test_anchors_done_by_hand():
    """Of 32 pixels, half the sides are 22.6 and 11.3, 16 and 16, rounded; the first lies on the corner."""
    boxes = HubAnchorGrid(96, 1, 4.0).boxes()
    np.testing.assert_array_equal(boxes[:3], [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]])
    np.testing.assert_array_equal(boxes[3:6] - boxes[:3], [[8, 0, 8, 0]] * 3)
    # P6 has two cells a side, which lie 48 pixels apart, and P7 one.
    centres = (boxes[-15:, :2] + boxes[-15:, 2:]) / 2
    np.testing.assert_array_equal(centres[::3], [[0, 0], [48, 0], [0, 48], [48, 48], [0, 0]])


@pytest.mark.parametrize(("size", "scales", "scale"), [(96, 1, 4.0), (160, 3, 1.19), (64, 2, 9.5)])
def test_the_best_overlap_is_that_with_all_anchors(size, scales, scale):
    boxes = some_boxes(np.random.default_rng(0), 200, size, 2, size)
    grid = HubAnchorGrid(size, scales, scale)
    expected = box_iou(boxes, grid.boxes()).max(axis=1)
    np.testing.assert_allclose(grid.best_overlaps(boxes), expected, atol=1e-5)
    assert np.ptp(expected) > 0.5


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("size", "scales", "scale"), [(96, 1, 4.0), ((64, 96), 2, 2.0)])
def test_assignments_are_those_of_loops(size, scales, scale, seed):
    grid = HubAnchorGrid(size, scales, scale)
    anchors = grid.boxes()
    levels = np.repeat(range(5), [grid.per_location * height * width for height, width in grid.shapes])
    boxes, classes = random_batch(seed, size)
    left_out = left_out_by_atss(boxes, classes, grid).numpy()
    for name, function in ASSIGNMENTS.items():
        targets = function(boxes, classes, grid)
        for image in range(len(boxes)):
            arguments = boxes[image], classes[image], anchors
            if name == "atss":
                arguments += levels, grid.per_location
                ruled, owners = reference.by_atss(*arguments, forced=False)
                objects = set(np.flatnonzero(classes[image] >= 0))
                assert set(np.flatnonzero(left_out[image])) == objects - set(owners[ruled >= 0])
            labels, matched = getattr(reference, f"by_{name}")(*arguments)
            np.testing.assert_array_equal(targets.labels[image], labels, err_msg=name)
            np.testing.assert_array_equal(targets.matched[image], matched, err_msg=name)


def test_nearest_locations_at_edges():
    """Places lie on the cells' corners, so that none is near the lower right edge."""
    grid = HubAnchorGrid(160, 1, 4.0)
    levels = np.repeat(range(5), [3 * height * width for height, width in grid.shapes])
    centres = np.array([[3, 3], [157, 3], [4, 84], [80, 158], [61, 7], [149, 152], [77.5, 81]])
    boxes = np.concatenate([centres - 2.5, centres + 2.5], axis=1).clip(0, 160).astype(np.float32)
    classes = np.arange(len(boxes), dtype=np.int32)
    labels, _ = reference.by_atss(boxes, classes, grid.boxes(), levels, 3)
    found = ASSIGNMENTS["atss"](boxes[None], classes[None], grid).labels[0]
    np.testing.assert_array_equal(found, labels)


def test_coarse_levels_fill_the_input():
    """Of 224 pixels P6 has four places a side, which lie 56 pixels apart instead of 64: others are nearest to some."""
    grid, rng = HubAnchorGrid(224, 1, 4.0), np.random.default_rng(0)
    levels = np.repeat(range(5), [3 * height * width for height, width in grid.shapes])
    centres, halves = rng.uniform(90, 134, (6, 2)), rng.uniform(50, 85, (6, 2))
    boxes = np.concatenate([centres - halves, centres + halves], axis=1).clip(0, 224).astype(np.float32)
    for box in boxes:
        labels, _ = reference.by_atss(box[None], [0], grid.boxes(), levels, 3)
        found = ASSIGNMENTS["atss"](box[None, None], np.zeros((1, 1), np.int32), grid).labels[0]
        np.testing.assert_array_equal(found, labels)


def test_anchors_without_a_side_are_refused():
    with pytest.raises(ValueError, match=r"anchor_scale 0\.1 is too small"):
        HubAnchorGrid(64, 1, 0.1)


def test_auto_goes_by_them():
    boxes = some_boxes(np.random.default_rng(2), 40, 96, 6, 30)
    expected = chosen_anchors(boxes.astype(np.float32), 96, (1,), HubAnchorGrid)
    usual = chosen_anchors(boxes.astype(np.float32), 96, (1,))
    assert expected.anchor_scale != usual.anchor_scale
    nothing = np.zeros((1, 4))
    source = Placed([np.concatenate([boxes[start : start + 10], nothing + [0, 0, 5, 5]]) for start in range(0, 40, 10)])
    config = DetectionConfig(size=96, anchor_scale="auto", model="hub:retinanet")
    settled, told = settled_anchors(config, source)
    assert settled.anchor_scale == expected.anchor_scale
    assert f"leaves {expected.unreached} of 40 objects" in told
