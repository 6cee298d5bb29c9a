"""Turned pictures: what is drawn is found again where the box says, and each kind of box is the right hull."""

import numpy as np
import pytest

from metricfit.trainers.data.augmentation.boxes import MIN_SIDE, augment_boxes
from metricfit.trainers.data.augmentation.settings import BoxAugmentation
from metricfit.trainers.data.augmentation.turning import Turn
from metricfit.trainers.data.fit import GREY
from metricfit.trainers.errors import UsageError

TURNING = BoxAugmentation(
    flip=False, min_scale=1, max_expand=1, rotation=180, brightness=0, contrast=0, saturation=0, hue=0
)


def extent(image, colour):
    """The box of the pixels that are nearer to a colour than to black and grey."""
    rows, columns = np.nonzero(np.abs(image.astype(int) - colour).max(axis=2) < 90)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def ellipse(shape, box):
    """The pixels whose middle lies in the ellipse that fills a box."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 <= 1


def test_round_things_are_found_where_their_boxes_say():
    boxes = np.array([[70, 90, 140, 120], [120, 130, 150, 220], [150, 60, 230, 110]], np.float32)
    colours = np.array([[255, 0, 0], [0, 255, 0], [60, 60, 255]])
    image = np.zeros((300, 300, 3), np.uint8)
    for box, colour in zip(boxes, colours):
        image[ellipse(image.shape, box)] = colour
    angles = set()
    for seed in range(25):
        seen, moved, kept = augment_boxes(image, boxes, 300, "pad", np.random.default_rng(seed), TURNING)
        assert kept.tolist() == [0, 1, 2]
        for box, colour in zip(moved, colours):
            np.testing.assert_allclose(extent(seen, colour), box, atol=1.0)
        corners = moved[0, :2] - 150
        angles.add(round(float(np.degrees(np.arctan2(*corners))) // 90))
    assert len(angles) == 4, "to every side"


def test_a_quarter_turn_is_exact():
    image = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    window = np.array([0, 0, 60, 60])
    turn = Turn((60, 60), np.pi / 2)
    np.testing.assert_array_equal(turn.picture(image, window), np.rot90(image, -1))
    box = np.array([[10, 20, 30, 25]])
    for ignored in (False, True):
        np.testing.assert_allclose(turn.boxes(box, np.array([ignored])), [[35, 10, 40, 30]])
    np.testing.assert_array_equal(turn.picture(image, np.array([13, 5, 43, 50])), np.rot90(image, -1)[5:50, 13:43])


@pytest.mark.parametrize("ignored", [False, True])
def test_boxes_are_the_hulls_of_many_points(ignored):
    rng = np.random.default_rng(5)
    for _ in range(30):
        height, width = rng.integers(50, 200, 2)
        low, sides, angle = rng.uniform(0, 40, 2), rng.uniform(1, 60, 2), rng.uniform(-np.pi, np.pi)
        box = np.concatenate([low, low + sides])
        round_ = np.linspace(0, 2 * np.pi, 2000)
        points = np.column_stack([np.cos(round_), np.sin(round_)])
        if ignored:  # the corners
            points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        hull = []
        for x, y in points * sides / 2 + low + sides / 2:
            x, y = x - width / 2, y - height / 2
            hull.append((np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y))
        hull = np.array(hull) + [width / 2, height / 2]
        (found,) = Turn((height, width), angle).boxes(box[None], np.array([ignored]))
        np.testing.assert_allclose(found, [*hull.min(axis=0), *hull.max(axis=0)], atol=1e-3)


def test_boxes_to_ignore_cover_what_they_covered():
    image = np.zeros((200, 200, 3), np.uint8)
    box = np.array([[60, 80, 130, 120]], np.float32)
    image[80:120, 60:130] = 255
    for seed in range(20):
        seen, moved, _ = augment_boxes(
            image, box, 200, "pad", np.random.default_rng(seed), TURNING, ignored=np.array([True])
        )
        # Of a corner's last pixel little is covered.
        rows, columns = np.nonzero(seen[40:160, 40:160, 0] > 8)
        hull = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) + 40
        np.testing.assert_allclose(hull, moved[0], atol=1.0)


def test_what_leaves_the_picture_is_dropped_by_its_centre():
    image = np.full((100, 300, 3), 50, np.uint8)
    boxes = np.array([[5, 10, 45, 90], [130, 30, 170, 70], [0, 0, 60, 100]], np.float32)
    ignored = np.array([False, False, True])
    kept_often, beyond = 0, 0
    for seed in range(80):
        turn = Turn.drawn((100, 300), np.random.default_rng(seed), 180)
        hulls = turn.boxes(boxes, ignored)
        _, moved, kept = augment_boxes(
            image, boxes, 300, "stretch", np.random.default_rng(seed), TURNING, ignored=ignored
        )
        centres = (hulls[:, :2] + hulls[:, 2:]) / 2
        clipped = np.clip(hulls.reshape(-1, 2, 2), 0, [300, 100])
        seen = ((clipped[:, 1] - clipped[:, 0]) * [1, 3] >= MIN_SIDE).all(axis=1)
        inside = ((centres >= 0) & (centres < [300, 100])).all(axis=1)
        assert kept.tolist() == np.flatnonzero(seen & (inside | ignored)).tolist()
        np.testing.assert_allclose(moved, (clipped * [1, 3]).reshape(-1, 4)[kept], atol=1e-3)
        assert 1 in kept
        kept_often, beyond = kept_often + (0 in kept), beyond + (2 in kept and not inside[2])
    assert 10 < kept_often < 60
    assert beyond > 5


def test_turned_cropped_and_zoomed_things_stay_with_their_boxes():
    settings = BoxAugmentation(vertical_flip=True, max_expand=3, rotation=40, brightness=0, contrast=0, hue=0)
    found = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        image, boxes = np.zeros((160, 220, 3), np.uint8), np.array([[60, 50, 110, 110], [120, 60, 170, 90]], np.float32)
        for box, colour in zip(boxes, ([255, 0, 0], [0, 255, 0])):
            image[ellipse(image.shape, box)] = colour
        seen, moved, kept = augment_boxes(image, boxes, 128, "pad", rng, settings)
        for box, index in zip(moved, kept):
            channel = seen[..., index].astype(int) - seen[..., 1 - index]
            if channel.max() < 120:
                continue
            rows, columns = np.nonzero(channel > 120)
            hull = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            inner = (box[:2] > 1).all() and (box[2:] < 126).all()
            # The box of a cut ellipse is cut as its hull is, which may be more than what is left of it.
            assert (hull >= box - [1.6] * 4)[:2].all()
            assert (hull <= box + [1.6] * 4)[2:].all()
            found += inner
    assert found > 40


def test_what_is_uncovered_is_grey_and_takes_no_colour():
    image = np.full((80, 80, 3), 200, np.uint8)
    settings = BoxAugmentation(flip=False, min_scale=1, max_expand=1, rotation=60, brightness=0.5)
    boxes, shades = np.array([[20, 20, 60, 60]], np.float32), set()
    for seed in range(8):
        angle = Turn.drawn((80, 80), np.random.default_rng(seed), 60).angle
        seen, _, _ = augment_boxes(image, boxes, 80, "pad", np.random.default_rng(seed), settings)
        y, x = np.mgrid[:80, :80] - 39.5
        back = np.array([np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x])
        assert (seen[(np.abs(back) > 41).any(axis=0)] == GREY).all()
        covered = seen[(np.abs(back) < 39).all(axis=0)]
        assert (covered == covered[0]).all()
        shades.add(int(covered[0, 0]))
    assert len(shades) > 4


def test_without_it_nothing_is_drawn_for_it():
    image = np.random.default_rng(0).integers(0, 255, (50, 60, 3), dtype=np.uint8)
    boxes = np.array([[10, 10, 30, 40]], np.float32)
    rngs = [np.random.default_rng(3) for _ in range(2)]
    augment_boxes(image, boxes, 64, "pad", rngs[0], BoxAugmentation())
    augment_boxes(image, boxes, 64, "pad", rngs[1], BoxAugmentation(rotation=10))
    rngs[0].random()
    assert rngs[0].random() == rngs[1].random()


def test_a_turn_has_a_range():
    with pytest.raises(UsageError, match=r"--augmentation\.rotation must be from 0 to 180, got 181"):
        BoxAugmentation(rotation=181)
    turned = [Turn.drawn((10, 10), np.random.default_rng(seed), 30).angle for seed in range(200)]
    assert 25 < np.degrees(np.max(turned)) <= 30
    assert -30 <= np.degrees(np.min(turned)) < -25
