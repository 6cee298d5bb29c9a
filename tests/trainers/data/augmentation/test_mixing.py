"""Mosaics and MixUp: each thing is found where its box says, and each picture's share is the one that was drawn."""

import numpy as np
import pytest

from metricfit.trainers.data.augmentation.boxes import MIN_SIDE
from metricfit.trainers.data.augmentation.mixing import FAINT, mix_up, mosaic
from metricfit.trainers.data.augmentation.settings import NO_BOX_AUGMENTATION, BoxAugmentation, LabelAugmentation
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import UsageError
from metricfit.trainers.geometry import input_size

BOXES = TARGETS["boxes"]
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]])
SHADES = (20, 45, 70, 95)


def painted(number, rng, shape=(90, 120)):
    """A picture of one shade with a rectangle of one colour, in which class and colour are its number."""
    image = np.full((*shape, 3), SHADES[number], np.uint8)
    x0, y0 = rng.integers(0, 60), rng.integers(0, 40)
    box = [x0, y0, x0 + rng.integers(15, 60), y0 + rng.integers(15, 50)]
    image[box[1] : box[3], box[0] : box[2]] = COLOURS[number]
    return image, np.array([box], np.float32), np.array([number], np.int32)


def extent(image, colour):
    rows, columns = np.nonzero(np.abs(image.astype(int) - colour).max(axis=2) < 80)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) if len(rows) else None


def plain(resizing):
    return lambda example, side: BOXES.augment(
        example[0], example[1:], side, resizing, np.random.default_rng(0), NO_BOX_AUGMENTATION
    )


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_in_a_mosaic_things_are_where_their_boxes_say(resizing):
    counts, meetings = [0] * 5, set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pictures = [painted(number, rng) for number in range(4)]
        image, boxes, classes = mosaic(pictures, 160, plain(resizing), rng)
        assert (image.shape, image.dtype, boxes.dtype) == ((160, 160, 3), np.uint8, np.float32)
        for box, number in zip(boxes, classes):
            np.testing.assert_allclose(extent(image, COLOURS[number]), box, atol=1.0)
        counts[len(boxes)] += 1
        if resizing == "stretch":  # each quarter is its picture's alone
            shades = image.max(axis=2) <= 100
            for number in range(4):
                there = (np.abs(image.astype(int) - SHADES[number]).max(axis=2) < 5) & shades
                rows, columns = np.nonzero(there)
                low, high = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
                meeting = [high[axis] if (number >> axis) % 2 == 0 else low[axis] for axis in (0, 1)]
                meetings.add((seed, *meeting))
    assert counts[4] > 10
    assert sum(counts[:4]) > 5, "some are cut away"
    if resizing == "stretch":
        # All four say the same point, within the middle half of both sides.
        assert len(meetings) == 40
        points = np.array([meeting[1:] for meeting in meetings])
        assert points.min() >= 40
        assert points.max() <= 120
        assert np.ptp(points) > 60


def by_hand(pictures, meeting, firsts, size):
    """Which boxes a mosaic (width, height) of pictures of 128 pixels holds and where, box by box."""
    found = []
    for number, (_, boxes, classes) in enumerate(pictures):
        width = meeting[0] if number % 2 == 0 else size[0] - meeting[0]
        height = meeting[1] if number < 2 else size[1] - meeting[1]
        x, y = (0 if number % 2 == 0 else meeting[0]), (0 if number < 2 else meeting[1])
        scale = max(width, height) / 128
        for box, kind in zip(boxes * scale - np.tile(firsts[number], 2), classes):
            centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
            inside = 0 <= centre[0] < width and 0 <= centre[1] < height
            if (inside or kind == -2) and x1 - x0 >= MIN_SIDE and y1 - y0 >= MIN_SIDE:
                found.append(([x0 + x, y0 + y, x1 + x, y1 + y], kind))
    return found


def test_boxes_are_those_found_by_hand():
    kept = ignored = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        low = rng.uniform(0, 90, (4, 6, 2))
        boxes = np.concatenate([low, low + rng.uniform(0.5, 38, (4, 6, 2))], axis=2).astype(np.float32)
        classes = rng.choice([-2, 0, 1], (4, 6)).astype(np.int32)
        pictures = [(np.zeros((128, 128, 3), np.uint8), one, kinds) for one, kinds in zip(boxes, classes)]
        state = rng.bit_generator.state
        wide, high = ((128, 128), (160, 96))[seed % 2]
        image, found, kinds = mosaic(pictures, input_size((high, wide)), plain("pad"), rng)
        assert image.shape == (high, wide, 3)
        rng.bit_generator.state = state  # what was drawn, once more
        meeting, firsts = np.round([wide, high] * rng.uniform(0.25, 0.75, 2)).astype(int), []
        for number in range(4):
            left, above = number % 2 == 0, number < 2
            sides = [meeting[0] if left else wide - meeting[0], meeting[1] if above else high - meeting[1]]
            firsts.append([rng.integers(max(sides) - side + 1) for side in sides])
        expected = by_hand(pictures, meeting, firsts, (wide, high))
        np.testing.assert_allclose(found, [box for box, _ in expected], atol=1e-3)
        assert kinds.tolist() == [kind for _, kind in expected]
        kept, ignored = kept + len(kinds), ignored + (kinds == -2).sum()
    assert ignored > 0.3 * kept
    assert kept < 0.9 * 60 * 24


def test_mixed_pictures_have_the_weight_drawn_and_the_boxes_of_both():
    one = np.full((40, 40, 3), 200, np.uint8), np.array([[1, 2, 9, 9]], np.float32), np.array([3], np.int32)
    other = np.full((40, 40, 3), 40, np.uint8), np.array([[5, 5, 20, 30]] * 2, np.float32), np.array([1, -2], np.int32)
    weights, faint = [], 0
    for seed in range(300):
        image, boxes, classes = mix_up(one, other, 1.5, np.random.default_rng(seed))
        weight = np.random.default_rng(seed).beta(1.5, 1.5)
        assert np.abs(image - (200 * weight + 40 * (1 - weight))).max() <= 0.51
        np.testing.assert_array_equal(boxes, np.concatenate([one[1], other[1]]))
        expected = [3 if weight >= FAINT else -2, 1 if 1 - weight >= FAINT else -2, -2]
        assert classes.tolist() == expected
        weights.append(weight)
        faint += expected[0] == -2
    assert abs(np.mean(weights) - 0.5) < 0.03
    assert 20 < faint < 70
    assert (one[2][0], other[2][0]) == (3, 1), "nothing is changed in place"
    even = [np.random.default_rng(seed).beta(50, 50) for seed in range(50)]
    assert np.ptp(even) < 0.4


def test_one_example_of_five():
    """A mosaic with another one over it: in the order of the generator, and the same bytes again."""
    settings = BoxAugmentation(mosaic=1, mix_up=1, rotation=10)
    made = []
    for _ in range(2):
        rng = np.random.default_rng(7)
        own, *others = (painted(number % 4, rng) for number in range(5))
        made.append(BOXES.mix(own, others[:3], others[3:], 96, "pad", rng, settings))
    for one, again in zip(*made):
        np.testing.assert_array_equal(one, again)
    image, boxes, classes = made[0]
    assert (image.shape, len(boxes)) == ((96, 96, 3), len(classes))
    assert set(classes.tolist()) <= {0, 1, 2, 3, -2}


def test_settings_say_what_is_mixed():
    assert BoxAugmentation().mixed.pictures == 1
    assert BoxAugmentation(mosaic=0.5).mixed.pictures == 4
    assert BoxAugmentation(mix_up=0.1).mixed.pictures == 2
    assert BoxAugmentation(mosaic=1, mix_up=1).mixed.pictures == 5
    assert LabelAugmentation().mixed.pictures == 1
    with pytest.raises(UsageError, match=r"--augmentation\.mosaic must be from 0 to 1, got 2"):
        BoxAugmentation(mosaic=2)
    with pytest.raises(UsageError, match=r"--augmentation\.mix-up-alpha must be from 0\.05 to 100, got 0"):
        BoxAugmentation(mix_up_alpha=0)
