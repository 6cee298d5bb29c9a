"""Anchors from the data: the best overlap is that with all anchors, and nothing that is tried reaches more."""

from dataclasses import replace

import numpy as np
import pytest

from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.geometry import box_iou
from metricfit.trainers.models.detector.anchors import AnchorGrid
from metricfit.trainers.tasks.anchor_scale import MOST_BOXES, SCALES, boxes_at_size, chosen_anchors, settled_anchors
from metricfit.trainers.training.config import DetectionConfig

CONFIG = DetectionConfig(size=96, anchor_scale="auto")


def some_boxes(rng, count, size, low, high):
    """Boxes within the input whose longer sides are spread evenly over the logarithms."""
    longer = np.exp(rng.uniform(np.log(low), np.log(high), count))
    ratio = np.exp(rng.uniform(-0.7, 0.7, count))
    sides = np.minimum(np.stack([longer * np.minimum(ratio, 1), longer * np.minimum(1 / ratio, 1)], axis=1), size)
    corner = rng.uniform(0, 1, (count, 2)) * (size - sides)
    return np.concatenate([corner, corner + sides], axis=1)


class Placed(Source):
    """Pictures of 96x96 with the boxes given, the last of each to be ignored."""

    name, class_names = "placed", ("thing",)

    def __init__(self, boxes):
        self.boxes, self.names = boxes, [str(index) for index in range(len(boxes))]

    def __len__(self):
        return len(self.boxes)

    def load(self, index):
        boxes = np.asarray(self.boxes[index], np.float32).reshape(-1, 4)
        crowd = np.arange(len(boxes)) == len(boxes) - 1
        image = np.zeros((96, 96, 3), np.uint8)
        return Example(image, boxes=boxes, classes=np.zeros(len(boxes), np.int32), crowd=crowd, name=str(index))


@pytest.mark.parametrize(("size", "scales", "scale"), [(96, 1, 4.0), (160, 3, 1.19), (64, 2, 9.5)])
def test_the_best_overlap_is_that_with_all_anchors(size, scales, scale):
    boxes = some_boxes(np.random.default_rng(0), 200, size, 2, size)
    grid = AnchorGrid(size, scales, scale)
    expected = box_iou(boxes, grid.boxes()).max(axis=1)
    np.testing.assert_allclose(grid.best_overlaps(boxes), expected, atol=1e-5)
    assert np.ptp(expected) > 0.5


@pytest.mark.parametrize(("low", "high"), [(4, 12), (10, 90), (50, 96)])
def test_nothing_that_is_tried_reaches_more(low, high):
    boxes = some_boxes(np.random.default_rng(1), 60, 96, low, high)
    left = {
        (number, scale): int((box_iou(boxes, AnchorGrid(96, number, scale).boxes()).max(axis=1) < 0.5).sum())
        for number in (1, 2, 3)
        for scale in SCALES
    }
    fewest = {number: min(left[number, scale] for scale in SCALES) for number in (1, 2, 3)}
    for number in (1, 2, 3):
        choice = chosen_anchors(boxes, 96, (number,))
        assert choice.unreached == fewest[number] == left[number, choice.anchor_scale]
        # A rule of thumb, the smaller sides on the finest level, is no better.
        thumb = min(SCALES, key=lambda one: abs(np.log(one * 8 / np.quantile(boxes[:, 2] - boxes[:, 0], 0.1))))
        assert choice.unreached <= left[number, thumb]
    every = chosen_anchors(boxes, 96)
    assert every.others == fewest
    assert every.scales_per_octave == next(number for number in fewest if fewest[number] <= min(fewest.values()) + 0.6)
    assert every == chosen_anchors(boxes, 96), "the same again"


def test_small_things_get_small_anchors_and_large_ones_large_ones():
    rng = np.random.default_rng(2)
    found = [chosen_anchors(some_boxes(rng, 300, 96, side, 1.3 * side), 96).anchor_scale for side in (6, 60)]
    assert found[0] < 2
    assert found[1] > 2.5


def test_of_many_boxes_some_choose_and_all_are_counted():
    boxes = some_boxes(np.random.default_rng(3), 2 * MOST_BOXES + 1, 96, 4, 90)
    choice = chosen_anchors(boxes, 96, (1,))
    assert choice.boxes == len(boxes)
    assert choice.unreached == (AnchorGrid(96, 1, choice.anchor_scale).best_overlaps(boxes) < 0.5).sum()


def test_what_is_auto_becomes_numbers_and_a_sentence():
    boxes = some_boxes(np.random.default_rng(4), 120, 96, 5, 14).reshape(40, 3, 4)
    source, counting = Placed(boxes), boxes[:, :2].reshape(-1, 4).astype(np.float32)
    config, told = settled_anchors(CONFIG, source)
    choice = chosen_anchors(counting, 96, (1,))
    assert config == replace(CONFIG, anchor_scale=choice.anchor_scale)
    usual = (AnchorGrid(96, 1, 4.0).best_overlaps(counting) < 0.5).sum()
    assert usual > choice.unreached
    assert told.startswith(
        f"--anchor-scale auto: --anchor-scale {choice.anchor_scale:g} with 1 scale an octave leaves {choice.unreached} "
        "of 80 objects without an anchor that overlaps by half (IoU 0.5) at --size 96; --anchor-scale 4 would leave "
        f"{usual}"
    )
    every = chosen_anchors(counting, 96)
    both, _ = settled_anchors(replace(CONFIG, scales_per_octave="auto"), source)
    assert (both.anchor_scale, both.scales_per_octave) == (every.anchor_scale, every.scales_per_octave)
    scales, told = settled_anchors(replace(CONFIG, anchor_scale=2.0, scales_per_octave="auto"), source)
    assert (scales.anchor_scale, scales.scales_per_octave in (1, 2, 3)) == (2.0, True)
    assert told.startswith("--scales-per-octave auto: --anchor-scale 2 with ")
    assert settled_anchors(replace(CONFIG, anchor_scale=3.0), source) == (replace(CONFIG, anchor_scale=3.0), "")
    config, told = settled_anchors(CONFIG, Placed(boxes[:, :1]))
    assert config.anchor_scale == 4.0
    assert "none of 40 training pictures looked at has a box" in told


def test_each_picture_is_decoded_once_for_all_that_its_boxes_are_asked_for(monkeypatch):
    source, loaded = Placed([some_boxes(np.random.default_rng(3), 4, 96, 10, 60)] * 5), []
    load = source.load
    monkeypatch.setattr(source, "load", lambda index: loaded.append(index) or load(index))
    settled, _ = settled_anchors(CONFIG, source)
    first = boxes_at_size(source, 96, "pad")
    assert sorted(loaded) == [0, 1, 2, 3, 4]
    assert [len(boxes) for boxes in first] == [3] * 5
    other = boxes_at_size(source, 192, "pad")
    assert len(loaded) == 10, "another size is asked for anew"
    np.testing.assert_allclose(other[0], 2 * first[0])
    assert settled_anchors(CONFIG, Placed([[[0, 0, 5, 5], [0, 0, 1, 1]]]))[0] != settled, "nor is another source's"
