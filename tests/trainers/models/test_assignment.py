"""Anchors and label assignment: against loops over images, objects and anchors, and on cases done by hand."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.geometry import height_width
from metricfit.trainers.models.detector.anchors import AnchorGrid
from metricfit.trainers.models.detector.assignment import (
    ASSIGNMENTS,
    assign_by_atss,
    assign_by_iou,
    left_out_by_atss,
)
from tests.reference import assignment as reference

GRID = AnchorGrid(96, scales_per_octave=1, anchor_scale=4.0)
ANCHORS, LEVELS = reference.anchors(96, 1, 4.0)
PADDING = [-1, -1, -1, -1]


def random_batch(seed, size, images=3):
    """Boxes and classes with padding and ignored boxes anywhere; odd seeds on a coarse grid, for ties; some twice."""
    rng, size = np.random.default_rng(seed), np.array(height_width(size)[::-1])
    count = int(rng.integers(1, 20))
    low = rng.uniform(0, 0.9 * size, (images, count, 2))
    extent = rng.uniform(1, rng.choice([0.2, 0.8]) * size, (images, count, 2))
    if seed % 2:
        low, extent = 4 * np.round(low / 4), np.maximum(4 * np.round(extent / 4), 4)
    boxes = np.concatenate([low, np.minimum(low + extent, size)], axis=-1)
    boxes[..., 2:] = np.maximum(boxes[..., 2:], boxes[..., :2] + 1)
    boxes[:, count // 2 :: 3] = boxes[:, :1]
    classes = rng.integers(-2, 5, (images, count))
    boxes[classes == -1] = rng.choice([-1.0, 0.0, np.nan])
    return boxes.astype(np.float32), classes.astype(np.int32)


def batch(boxes, classes):
    return np.array([boxes], np.float32), np.array([classes], np.int32)


def assigned(function, boxes, classes, grid=GRID):
    return (part.numpy()[0] for part in function(*batch(boxes, classes), grid))


@pytest.mark.parametrize(("size", "scales", "scale"), [(32, 1, 4.0), (96, 2, 3.0), (160, 3, 2.5), ((64, 160), 2, 3.0)])
def test_anchors_are_those_of_nested_loops(size, scales, scale):
    grid = AnchorGrid(size, scales, scale)
    boxes, _ = reference.anchors(size, scales, scale)
    np.testing.assert_allclose(grid.boxes(), boxes, rtol=1e-6)
    assert len(grid) == len(boxes)
    assert grid.boxes().dtype == np.float32


def test_anchors_of_the_published_networks():
    grid = AnchorGrid(512)
    assert len(grid) == 49104
    sides = np.sqrt(np.prod(grid.boxes()[:, 2:] - grid.boxes()[:, :2], axis=1))
    np.testing.assert_allclose(np.unique(sides.round(2)), np.round(32 * 2 ** (np.arange(15) / 3), 2))


@pytest.mark.parametrize("wrong", [{"size": 0}, {"scales_per_octave": 0}, {"anchor_scale": 0.0}])
def test_impossible_grids(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AnchorGrid(**{"size": 64, **wrong})


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("size", "scales", "scale"), [(96, 1, 4.0), (64, 2, 2.0), ((64, 160), 1, 4.0)])
def test_assignments_are_those_of_loops(size, scales, scale, seed):
    grid = AnchorGrid(size, scales, scale)
    anchors, levels = reference.anchors(size, scales, scale)
    boxes, classes = random_batch(seed, size)
    for name, function in ASSIGNMENTS.items():
        targets = function(boxes, classes, grid)
        for image in range(len(boxes)):
            arguments = boxes[image], classes[image], anchors
            if name == "atss":
                arguments += levels, grid.per_location
            labels, matched = getattr(reference, f"by_{name}")(*arguments)
            np.testing.assert_array_equal(targets.labels[image], labels, err_msg=name)
            np.testing.assert_array_equal(targets.matched[image], matched, err_msg=name)
            expected = np.where(labels[:, None] >= 0, boxes[image][matched], anchors)
            np.testing.assert_allclose(targets.boxes[image], expected, rtol=1e-6)


def test_nearest_locations_at_corners_of_a_large_grid():
    """The window in which the nearest locations are looked for holds them even where an edge cuts it."""
    grid = AnchorGrid(160, 1, 4.0)
    anchors, levels = reference.anchors(160, 1, 4.0)
    centres = np.array([[3, 3], [157, 3], [4, 83], [80, 158], [61, 7], [149, 152], [77.5, 81]])
    boxes = np.concatenate([centres - 2.5, centres + 2.5], axis=1).clip(0, 160).astype(np.float32)
    classes = np.arange(len(boxes), dtype=np.int32)
    labels, _ = reference.by_atss(boxes, classes, anchors, levels, 3)
    found = assign_by_atss(boxes[None], classes[None], grid).labels[0]
    np.testing.assert_array_equal(found, labels)
    assert (labels >= 0).any()


@pytest.mark.parametrize("size", [(32, 1152), (1152, 32)])
def test_nearest_locations_in_a_single_row_or_column(size):
    """Of an input as flat as a line of text, coarse levels have one row, in which the nearest nine reach far."""
    grid, (anchors, levels) = AnchorGrid(size, 1, 4.0), reference.anchors(size, 1, 4.0)
    rng, sides = np.random.default_rng(0), np.array(size[::-1])
    middles, halves = rng.uniform(0, 1, (12, 2)) * sides, rng.uniform(2, 200, (12, 2))
    boxes = np.concatenate([middles - halves, middles + halves], axis=1).clip(0, np.tile(sides, 2)).astype(np.float32)
    for box in boxes:
        labels, _ = reference.by_atss(box[None], [0], anchors, levels, 3)
        found = assign_by_atss(box[None, None], np.zeros((1, 1), np.int32), grid).labels[0]
        np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("function", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
def test_all_modes_agree(function):
    boxes, classes = random_batch(2, 96)
    expected = function(boxes, classes, GRID)
    for compiled in (False, True):
        found = tf.function(lambda *arguments: function(*arguments, GRID), jit_compile=compiled)(boxes, classes)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.matched, expected.matched)
        np.testing.assert_allclose(found.boxes, expected.boxes, rtol=1e-6)


def test_a_dynamic_batch_keeps_the_shapes_known():
    signature = [tf.TensorSpec((None, 5, 4)), tf.TensorSpec((None, 5), tf.int32)]
    for function in ASSIGNMENTS.values():
        traced = tf.function(lambda *arguments, f=function: f(*arguments, GRID), input_signature=signature)
        labels, matched, boxes = traced.get_concrete_function().structured_outputs
        assert [labels.shape[1], matched.shape[1]] == [len(GRID)] * 2
        assert boxes.shape[1:] == (len(GRID), 4)


@pytest.mark.parametrize("function", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
@pytest.mark.parametrize("boxes", [[PADDING] * 3, [[0, 0, 0, 0]] * 3, [[np.nan] * 4] * 3])
def test_no_objects_is_all_background(function, boxes):
    labels, matched, found = assigned(function, boxes, [-1, -1, -1])
    assert (labels == -1).all()
    assert (matched == 0).all()
    np.testing.assert_array_equal(found, GRID.boxes())


def test_every_object_has_an_anchor():
    rng = np.random.default_rng(5)
    low = rng.uniform(0, 90, (30, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.5, 6, (30, 2))], axis=1).astype(np.float32)
    boxes[10:13], boxes[20] = boxes[9], [3, 90, 95, 92]
    labels, matched, _ = assigned(assign_by_iou, boxes, np.arange(30))
    assert set(labels[labels >= 0]) == set(range(30)), "three alike and a very flat one included"
    np.testing.assert_array_equal(labels[labels >= 0], matched[labels >= 0])


@pytest.mark.parametrize("seed", range(4))
def test_the_papers_rule_stands_where_it_finds_anchors(seed):
    boxes, classes = random_batch(seed, 96, images=1)
    by_paper, owners = reference.by_atss(boxes[0], classes[0], ANCHORS, LEVELS, 3, forced=False)
    labels, matched, _ = assigned(assign_by_atss, boxes[0], classes[0])
    found = by_paper >= 0
    np.testing.assert_array_equal(labels[found], by_paper[found])
    np.testing.assert_array_equal(matched[found], owners[found])
    others = labels[~found] >= 0
    left_out = [index for index, label in enumerate(classes[0]) if label >= 0 and index not in owners[found]]
    assert sorted(matched[~found][others]) == left_out, "one anchor each, which was nobody's"
    np.testing.assert_array_equal(np.flatnonzero(left_out_by_atss(boxes, classes, GRID)[0]), left_out)


def test_thin_objects_have_an_anchor_too():
    """Of boxes of 7x100 at 384 pixels some hold no centre of an anchor, and ATSS alone leaves them out."""
    rng, grid = np.random.default_rng(0), AnchorGrid(384, 1)
    low = rng.uniform(0, [377, 284], (100, 2))
    boxes = np.concatenate([low, low + [7, 100]], axis=1).astype(np.float32)[None]
    classes = np.zeros((1, 100), np.int32)
    left_out = left_out_by_atss(boxes, classes, grid).numpy()[0]
    assert 5 < left_out.sum() < 20
    labels, matched, _ = (part.numpy()[0] for part in assign_by_atss(boxes, classes, grid))
    each = np.bincount(matched[labels >= 0], minlength=100)
    assert each.min() == 1
    assert (each[left_out] == 1).all()


def test_of_two_that_want_one_anchor_the_closer_one_gets_it():
    anchor = GRID.boxes()[40]
    near, far = anchor + [0, 0, 1, 0], anchor + [0, 0, 4, 0]
    for order in ([near, far], [far, near]):
        labels, _, _ = assigned(assign_by_iou, order, [0, 1])
        assert (order[labels[40]] == near).all()
        assert set(labels[labels >= 0]) == {0, 1}
    labels, _, _ = assigned(assign_by_iou, [near, near], [7, 3])
    assert labels[40] == 7, "the lower index, where both are as close"


def test_thresholds():
    """A square anchor of side 32 within a box of height 32; for a box as wide as this a larger anchor is the best."""
    index = next(i for i, box in enumerate(GRID.boxes()) if (box == [20, 20, 52, 52]).all())
    for width, label in ((64, 0), (64.2, -2), (79.8, -2), (80.2, -1)):
        labels, _, _ = assigned(assign_by_iou, [[4, 20, 4 + width, 52]], [0])
        assert labels[index] == label, width


@pytest.mark.parametrize("function", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
def test_what_lies_in_an_ignored_box_is_ignored(function):
    labels, _, boxes = assigned(function, [[41, 0, 96, 96], PADDING, [52, 20, 84, 52]], [-2, -1, 4])
    anchors = GRID.boxes()
    inside = np.minimum(anchors[:, 2:], [96, 96]) - np.maximum(anchors[:, :2], [41, 0])
    covered = inside.clip(0).prod(axis=1) >= 0.5 * (anchors[:, 2:] - anchors[:, :2]).prod(axis=1)
    overlaps = reference.iou_matrix(np.array([[52, 20, 84, 52]], np.float32), anchors)[0]
    undecided = (overlaps >= 0.4) & (function is assign_by_iou)
    np.testing.assert_array_equal(labels[labels != 4], np.where(covered | undecided, -2, -1)[labels != 4])
    assert (labels[covered] == 4).any(), "the object among them trains"
    assert set(np.unique(labels)) == {-2, -1, 4}
    assert np.isfinite(boxes).all()


def test_atss_on_an_object_that_is_an_anchor():
    boxes = GRID.boxes()
    index = next(i for i, box in enumerate(boxes) if (box == [36, 36, 68, 68]).all())
    labels, _, found = assigned(assign_by_atss, [boxes[index]], [2])
    assert labels[index] == 2
    centres = 0.5 * (boxes[:, :2] + boxes[:, 2:])[labels == 2]
    assert ((centres > 36) & (centres < 68)).all()
    np.testing.assert_array_equal(found[labels == 2], np.tile(boxes[index], ((labels == 2).sum(), 1)))


@pytest.mark.parametrize("function", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
@pytest.mark.parametrize(
    ("boxes", "classes"),
    [((2, 4), (2,)), ((1, 0, 4), (1, 0)), ((1, 3, 4), (1, 2))],
)
def test_wrong_shapes(function, boxes, classes):
    with pytest.raises(ValueError, match="must have shape"):
        function(np.zeros(boxes), np.zeros(classes), GRID)
