"""The parts of Faster R-CNN beside slow references: suppression, proposals, RoIAlign, assignment and sampling."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.models.detector.anchors import AnchorGrid
from metricfit.trainers.models.detector.coding import DELTAS
from metricfit.trainers.models.detector.matching import Targets
from metricfit.trainers.models.detector.suppressing import NO_SCORE
from metricfit.trainers.models.detector.two_stage import proposals
from metricfit.trainers.models.detector.two_stage.head import RegionHead, without_absent
from metricfit.trainers.models.detector.two_stage.proposals import (
    Ranked,
    candidate_count,
    greedy_suppression,
    has_area,
    outside,
    proposed,
    proposed_by_operator,
    ranked_proposals,
)
from metricfit.trainers.models.detector.two_stage.regions import assign_anchors, assign_regions, objects_as_regions
from metricfit.trainers.models.detector.two_stage.roi_align import levels_of, read_levels, roi_align
from metricfit.trainers.models.detector.two_stage.sampling import region_sample, sampled

from ...reference import two_stage as slow

MODES = {"eager": lambda function: function, "graph": tf.function, "xla": lambda f: tf.function(f, jit_compile=True)}
each_mode = pytest.mark.parametrize("mode", MODES)


def random_boxes(rng, shape, size):
    """Boxes within a square input, many of which overlap."""
    centre, side = rng.uniform(0.2, 0.8, (*shape, 2)) * size, rng.uniform(0.05, 0.5, (*shape, 2)) * size
    boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=-1)
    return np.clip(boxes, 0, size).astype(np.float32)


# Suppression and proposals.


def ranked(scores, boxes, count):
    best, index = tf.math.top_k(scores, count)
    boxes = tf.gather(boxes, index, batch_dims=1)
    return Ranked(best, boxes, has_area(boxes))


def chosen_one_by_one(boxes, scores, count, threshold):
    """Indices that TensorFlow's own suppression keeps, of the boxes of one picture."""
    return tf.image.non_max_suppression(boxes, scores, count, threshold).numpy()


@each_mode
@pytest.mark.parametrize("at_once", [60, 25])
def test_suppression_keeps_what_tensorflow_keeps(mode, at_once, monkeypatch):
    monkeypatch.setattr(proposals, "AT_ONCE", at_once)
    rng, keep = np.random.default_rng(0), MODES[mode](lambda b, c: greedy_suppression(b, c, 0.5))
    for turn in range(3):
        boxes = random_boxes(rng, (2, 60), 50)
        if turn == 1:
            boxes[1] = boxes[1, :1]  # all alike: one stays
        if turn == 2:
            # each hides the next, in a chain as long as there are boxes: every second one stays
            boxes[0] = [[0, 10 * place, 40, 10 * place + 40] for place in range(60)]
        found = keep(tf.constant(boxes), tf.ones((2, 60), tf.bool)).numpy()
        for picture in range(2):
            expected = chosen_one_by_one(boxes[picture], np.arange(60, 0, -1, np.float32), 60, 0.5)
            np.testing.assert_array_equal(np.flatnonzero(found[picture]), np.sort(expected))
        if turn == 1:
            assert found[1].sum() == 1
        if turn == 2:
            assert 20 <= found[0].sum() <= 30


def test_who_is_no_candidate_hides_nobody_and_does_not_stay():
    boxes = tf.constant([[[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 8]]], tf.float32)
    found = greedy_suppression(boxes, tf.constant([[False, True, True]]), 0.5)
    np.testing.assert_array_equal(found, [[False, True, False]])


@each_mode
@pytest.mark.parametrize("count", [1, 7, 40])
def test_proposals_are_the_surest_without_doubles(mode, count):
    rng, size = np.random.default_rng(count), 64
    boxes, scores = random_boxes(rng, (3, 90), size), rng.normal(0, 3, (3, 90)).astype(np.float32)
    boxes[0, :20] = [0, 20, 0, 30]  # without an area: beyond the edge
    boxes[2] = boxes[2, :1]
    scores[1] = np.round(scores[1])  # equal ones
    candidates = candidate_count(count, 90)

    def both(boxes, scores, operator):
        of_choice = ranked(scores, boxes, candidates)
        return (proposed_by_operator if operator else proposed)(of_choice, count, size)

    found, surest = MODES[mode](lambda b, s: both(b, s, False))(tf.constant(boxes), tf.constant(scores))
    found = found.numpy()
    assert found.shape == (3, count, 4)
    for picture in range(3):
        order = np.argsort(-scores[picture], kind="stable")[:candidates]
        there = [index for index in order if (boxes[picture, index, 2:] > boxes[picture, index, :2]).all()]
        kept = chosen_one_by_one(boxes[picture, there], scores[picture, there], count, 0.7)
        expected = np.concatenate([boxes[picture, there][kept], np.tile(outside(size), (count - len(kept), 1))])
        np.testing.assert_array_equal(found[picture], expected)
        own = np.concatenate([scores[picture, there][kept], np.full(count - len(kept), NO_SCORE, np.float32)])
        np.testing.assert_array_equal(surest[picture], own)
    assert (found[2, 1:] == outside(size).numpy()).all()
    if mode != "xla":
        for few in (found, found[:1]):
            again = both(tf.constant(boxes[: len(few)]), tf.constant(scores[: len(few)]), True)
            np.testing.assert_array_equal(again.boxes, few)
            np.testing.assert_array_equal(again.scores, surest[: len(few)])


def test_more_proposals_than_anchors_are_filled_up():
    boxes = tf.constant([[[0.0, 0, 10, 10], [20, 20, 30, 30]]])
    candidates = ranked(tf.constant([[1.0, 2.0]]), boxes, candidate_count(5, 2))
    for function in (proposed, proposed_by_operator):
        boxes, scores = function(candidates, 5, 64)
        np.testing.assert_array_equal(boxes, [[[20, 20, 30, 30], [0, 0, 10, 10], *3 * [[-128, -128, -64, -64]]]])
        np.testing.assert_array_equal(scores, np.float32([[2, 1, *3 * [NO_SCORE]]]))


@each_mode
def test_candidates_are_the_boxes_of_the_surest_anchors(mode):
    grid, rng = AnchorGrid(64, 1, 4.0), np.random.default_rng(5)
    objectness = np.round(rng.normal(0, 2, (2, len(grid), 1))).astype(np.float32)
    codes = rng.normal(0, 2, (2, len(grid), 4)).astype(np.float32)
    codes[:, 0] = [-1e3, 0, 0, 0]  # beyond the edge
    objectness[:, 0] = 9
    found = MODES[mode](lambda o, c: ranked_proposals(o, c, grid, 30))(tf.constant(objectness), tf.constant(codes))
    for picture in range(2):
        order = np.argsort(-objectness[picture, :, 0], kind="stable")[:30]
        expected = DELTAS.decode(codes[picture, order], grid.boxes()[order], 64)
        np.testing.assert_allclose(found.boxes[picture], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(found.scores[picture], objectness[picture, order, 0])
        np.testing.assert_array_equal(found.seen[picture, :1], [False])
        assert found.seen.numpy().sum() > 40


# RoIAlign.


def test_levels_are_those_of_the_equation():
    sides = np.array([4, 100, 223.9, 224, 225, 447.9, 448, 900])
    regions = np.stack([0 * sides, 0 * sides, sides, sides], axis=-1).astype(np.float32)
    np.testing.assert_array_equal(levels_of(tf.constant(regions), 3), [0, 0, 0, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(levels_of(tf.constant(regions), 2), [0, 0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(levels_of(tf.constant(regions), 1), [0] * 8)
    assert [read_levels(size) for size in (64, 192, 224, 320, 416, 448, 800)] == [1, 1, 2, 2, 2, 3, 3]
    assert [read_levels(size) for size in ((128, 384), (128, 416), (224, 800), (256, 800))] == [1, 2, 2, 3]
    for region in random_boxes(np.random.default_rng(0), (200,), 900):
        assert int(levels_of(tf.constant(region), 3)) == slow.level_of(region, 3)


@pytest.fixture(scope="module")
def maps():
    """Levels of two pictures 512 high and 480 wide, and regions of all sizes, one of them what stands for none."""
    rng = np.random.default_rng(1)
    features = [rng.normal(0, 1, (2, *shape, 3)).astype(np.float32) for shape in ((64, 60), (32, 30), (16, 15))]
    regions = random_boxes(rng, (2, 6), 480)
    regions[0, :5] = [[0, 0, 480, 480], [0, 0, 8, 8], [470, 3, 480, 200], [100, 100, 330, 340], [7, 300, 200, 301]]
    regions[1, 0] = outside(480)
    return features, regions


@each_mode
def test_roi_align_is_the_slow_one(mode, maps):
    features, regions = maps
    found = MODES[mode](lambda *given: roi_align(given[:-1], given[-1]))(*map(tf.constant, (*features, regions)))
    assert found.shape == (2, 6, 7, 7, 3)
    for picture in range(2):
        expected = slow.roi_align([feature[picture] for feature in features], regions[picture])
        np.testing.assert_allclose(found[picture], expected, atol=2e-5)
    assert {slow.level_of(region, 3) for region in regions.reshape(-1, 4)} == {0, 1, 2}


def test_batch_and_number_of_regions_may_be_unknown(maps):
    features, regions = (tuple(map(tf.constant, maps[0])), tf.constant(maps[1]))
    head = RegionHead(2, 4)
    head.build((None, None, 7, 7, 3))

    def read(features, regions):
        with tf.GradientTape() as tape:
            tape.watch(features)
            bins = roi_align(features, regions)
            logits, codes = without_absent(regions, *head(bins))
            total = tf.reduce_sum(logits) + tf.reduce_sum(codes**2)
        return bins, logits, codes, *tape.gradient(total, features)

    specs = tuple(tf.TensorSpec((None, *feature.shape[1:])) for feature in features)
    unknown = tf.function(read, input_signature=[specs, tf.TensorSpec((None, None, 4))], autograph=False)
    assert unknown.get_concrete_function().output_shapes[0].as_list()[:2] == [None, None]
    known = tf.function(read, autograph=False)(features, regions)
    for found, expected in zip(unknown(features, regions), known, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    for batch, count in ((2, 1), (1, 3)):
        few = tuple(feature[:batch] for feature in features), regions[:batch, :count]
        for found, expected in zip(unknown(*few)[:3], known):
            np.testing.assert_allclose(found, expected[:batch, :count], rtol=1e-5, atol=1e-6)


def test_roi_align_by_hand():
    # A map that grows by 1 a pixel along x, and by 10 along y: read at the middles of bins, away from the edges.
    side = 16
    place = (np.arange(side) + 0.5) * 8
    feature = (place[:, None] * 10 + place)[None, ..., None].astype(np.float32)
    found = roi_align([tf.constant(feature)], tf.constant([[[30.0, 40, 72, 96]]]))[0, 0, ..., 0]
    across, down = 30 + 6 * (np.arange(7) + 0.5), 40 + 8 * (np.arange(7) + 0.5)
    np.testing.assert_allclose(found, down[:, None] * 10 + across, rtol=1e-6)
    # one bright cell, and a region that is this cell: brightest in its middle, as its neighbours are dark
    feature = np.zeros((1, side, side, 1), np.float32)
    feature[0, 3, 5] = 1
    found = roi_align([tf.constant(feature)], tf.constant([[[40.0, 24, 48, 32]]]))[0, 0, ..., 0].numpy()
    points = 1 - np.abs((np.arange(14) + 0.5) / 14 - 0.5)
    bins = points.reshape(7, 2).mean(1)
    np.testing.assert_allclose(found, bins[:, None] * bins, rtol=1e-6)


def test_gradients_reach_the_cells_that_were_read_and_no_region(maps):
    features, regions = (tuple(map(tf.constant, maps[0])), tf.constant(maps[1]))
    weights = tf.constant(np.random.default_rng(2).normal(0, 1, (2, 6, 7, 7, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch([features, regions])
        total = tf.reduce_sum(weights * roi_align(features, regions))
    gradients, to_regions = tape.gradient(total, [features, regions])
    assert to_regions is None
    # It is linear: the value is the gradient times the map, and away from the regions there is none.
    whole = sum(float(tf.reduce_sum(gradient * feature)) for gradient, feature in zip(gradients, features))
    assert whole == pytest.approx(float(total), rel=1e-4)
    alone = tf.constant([[[80.0, 80, 120, 120]]])
    with tf.GradientTape() as tape:
        tape.watch(features)
        total = tf.reduce_sum(roi_align([feature[:1] for feature in features], alone))
    first, second, third = tape.gradient(total, features)
    read = np.argwhere(first.numpy()[0, ..., 0] > 0)
    assert read.min() == 9
    assert read.max() == 15
    assert not np.any(second)
    assert not np.any(third)


# What anchors and regions are to find.


@each_mode
def test_regions_are_matched_as_slowly(mode):
    rng, size = np.random.default_rng(3), 64
    boxes, regions = random_boxes(rng, (3, 5), size), random_boxes(rng, (3, 40), size)
    classes = np.array([[0, 2, 1, -1, -1], [-2, 1, -2, 0, -1], [-1, -2, -1, -1, -1]], np.int32)
    boxes[classes == -1] = -1
    regions[:, ::5] = boxes[:, 1:2] + 1
    regions[:, 7] = outside(size)
    targets = MODES[mode](assign_regions)(*map(tf.constant, (boxes, classes, regions)))
    for picture in range(3):
        labels, matched = slow.matched_regions(regions[picture], boxes[picture], classes[picture])
        np.testing.assert_array_equal(targets.labels[picture], labels)
        np.testing.assert_array_equal(targets.matched[picture], matched)
        expected = np.where((labels >= 0)[:, None], boxes[picture][matched], regions[picture])
        np.testing.assert_array_equal(targets.boxes[picture], expected)
    assert {-2, -1, 1} <= set(targets.labels.numpy().ravel())


def test_objects_are_regions_of_their_own():
    boxes = np.array([[[1, 2, 30, 40], [-1, -1, -1, -1], [5, 5, 9, 9]]], np.float32)
    classes = np.array([[1, -1, -2]], np.int32)
    regions = objects_as_regions(boxes, classes, 64)
    np.testing.assert_array_equal(regions, [[boxes[0, 0], *2 * [outside(64).numpy()]]])
    np.testing.assert_array_equal(assign_regions(boxes, classes, regions).labels, [[1, -2, -2]])


def test_anchors_are_to_find_objects_of_any_class():
    grid = AnchorGrid(64, 1, 2.0)
    boxes = np.array([[[8, 8, 24, 24], [30, 4, 60, 40], [0, 40, 30, 64], [-1, -1, -1, -1]]], np.float32)
    classes = np.array([[2, 0, -2, -1]], np.int32)
    targets = assign_anchors(boxes, classes, grid)
    labels, anchors = targets.labels.numpy()[0], grid.boxes()
    assert set(labels) == {0, -1, -2}
    np.testing.assert_array_equal(np.unique(targets.matched[0][labels == 0]), [0, 1])
    for label, anchor in zip(labels, anchors):
        overlap = max(slow.iou(anchor, box) for box in boxes[0, :2])
        if overlap >= 0.7:
            assert label == 0
        elif label == -1:
            assert overlap < 0.3
    assert len(labels) == len(grid)


# Sampling.


def labels_of(rng, positives, negatives, ignored):
    labels = np.repeat([3, -1, -2], [positives, negatives, ignored]).astype(np.int32)
    return rng.permutation(labels)


def draw(labels, wanted, seed=(0, 0), mode="eager"):
    def drawn(labels, seed):
        return sampled(Targets(labels, labels, tf.zeros((*labels.shape, 4))), wanted, seed).labels

    # A constant seed would be drawn by before XLA compiles.
    return MODES[mode](drawn)(tf.constant(labels), tf.constant(seed)).numpy()


@each_mode
def test_a_sample_has_its_numbers_and_leaves_labels_alone(mode):
    rng = np.random.default_rng(4)
    kinds = [(50, 200, 10), (3, 200, 10), (50, 5, 10), (0, 100, 0), (0, 0, 260), (120, 0, 3)]
    labels = np.full((len(kinds), 260), -2, np.int32)
    for row, kind in zip(labels, kinds):
        row[: sum(kind)] = labels_of(rng, *kind)
    found = draw(labels, (64, 0.5), mode=mode)
    for before, after, (positives, negatives, _) in zip(labels, found, kinds):
        expected = min(positives, 32)
        assert (after == 3).sum() == expected
        assert (after == -1).sum() == min(negatives, 64 - expected)
        assert ((after == before) | (after == -2)).all()
    np.testing.assert_array_equal(found, draw(labels, (64, 0.5)))


def test_samples_follow_the_seed_and_are_fair():
    labels = np.repeat([1, -1], [20, 80])[None].astype(np.int32)
    first = draw(labels, (20, 0.25), (5, 1))
    np.testing.assert_array_equal(first, draw(labels, (20, 0.25), (5, 1)))
    assert (first != draw(labels, (20, 0.25), (5, 2))).any()
    assert (first != draw(labels, (20, 0.25), (6, 1))).any()
    both = draw(np.repeat(labels, 2, axis=0), (20, 0.25))
    assert (both[0] != both[1]).any(), "each picture has a draw of its own"
    counts = (draw(np.repeat(labels, 400, axis=0), (20, 0.25)) != -2).sum(axis=0)
    # Binomial: 400 draws of 5 in 20 and of 15 in 80, five standard deviations to either side.
    for part, share in ((counts[:20], 5 / 20), (counts[20:], 15 / 80)):
        assert np.abs(part - 400 * share).max() < 5 * np.sqrt(400 * share * (1 - share))


def test_region_samples_are_half_of_the_proposals():
    assert [region_sample(count)[0] for count in (1, 64, 256, 1000, 4000)] == [1, 32, 128, 500, 512]
    labels = np.repeat([2, -1], [5, 50])[None].astype(np.int32)
    for count in (1, 2, 7, 8):
        found = draw(labels, region_sample(count))
        assert (found == 2).sum() == 1, "one positive at least, or no box is learnt"
        assert (found > -2).sum() == max(1, count // 2)
