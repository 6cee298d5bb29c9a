"""Augmentation keeps boxes on their objects, keeps the right ones, and is a function of the generator."""

from dataclasses import fields

import numpy as np
import pytest

from metricfit.trainers.data.augmentation.boxes import (
    MIN_SIDE,
    OVERLAPS,
    augment_boxes,
    cropped_window,
    expanded_window,
)
from metricfit.trainers.data.augmentation.settings import NO_BOX_AUGMENTATION, Augmentation, BoxAugmentation
from metricfit.trainers.data.fit import GREY, fit_boxes, fit_image, fit_scale
from metricfit.trainers.errors import UsageError

STRONG = BoxAugmentation(vertical_flip=True, max_expand=3, brightness=0, contrast=0, saturation=0, hue=0)


def painted(rng, count=5, size=(150, 200)):
    """A black picture with bright rectangles of single colours that do not overlap, and their boxes."""
    image = np.zeros((*size, 3), np.uint8)
    boxes, colours = [], []
    for number in range(count):
        left = int(number * size[1] / count)
        x0, y0 = left + rng.integers(0, 8), rng.integers(0, size[0] - 60)
        x1, y1 = left + rng.integers(20, 40), y0 + rng.integers(20, 60)
        colour = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]][number])
        image[y0:y1, x0:x1] = colour
        boxes.append([x0, y0, x1, y1])
        colours.append(colour)
    return image, np.array(boxes, np.float32), colours


def extent(image, colour):
    """The box of the pixels that are nearer to a colour than to black and grey; None without any."""
    near = np.abs(image.astype(int) - colour).max(axis=2) < 100
    if not near.any():
        return None
    rows, columns = np.nonzero(near)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
@pytest.mark.parametrize("size", [(160, 160), (128, 192)])
def test_boxes_stay_on_their_objects(resizing, size):
    counts = [0] * 6
    for seed in range(60):
        rng = np.random.default_rng(seed)
        image, boxes, colours = painted(rng)
        before = image.copy()
        seen, moved, kept = augment_boxes(image, boxes, size, resizing, rng, STRONG)
        np.testing.assert_array_equal(image, before)
        assert seen.shape == (*size, 3)
        assert (seen.dtype, moved.dtype, moved.shape) == (np.uint8, np.float32, (len(kept), 4))
        assert len(kept) == len(set(kept.tolist())) > 0
        assert (moved >= 0).all()
        assert (moved <= np.tile(size[::-1], 2)).all()
        assert (moved[:, 2:] - moved[:, :2] >= MIN_SIDE).all()
        for box, index in zip(moved, kept):
            np.testing.assert_allclose(extent(seen, colours[index]), box, atol=1.6)
        counts[len(kept)] += 1
    assert min(counts[1:]) > 0, "some lose many boxes, some none"


def test_a_box_stays_by_its_centre():
    image = np.zeros((100, 100, 3), np.uint8)
    boxes = np.array([[0, 0, 30, 30], [60, 60, 100, 100]], np.float32)
    left_out = 0
    for seed in range(200):
        settings = BoxAugmentation(flip=False, max_expand=1)
        # Without zoom the crop is what the generator is asked for first.
        crop = cropped_window(np.array([0, 0, 100, 100]), boxes, np.random.default_rng(seed), settings.min_scale)
        _, moved, kept = augment_boxes(image, boxes, 64, "stretch", np.random.default_rng(seed), settings)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        expected = [i for i, c in enumerate(centres) if (c >= crop[:2]).all() and (c < crop[2:]).all()]
        assert kept.tolist() == expected
        left_out += 2 - len(kept)
        scale = 64 / (crop[2:] - crop[:2])
        for box, index in zip(moved, kept):
            cut = np.clip(boxes[index].reshape(2, 2), crop[:2], crop[2:])
            np.testing.assert_allclose(box, ((cut - crop[:2]) * scale).ravel(), atol=1e-4)
    assert left_out > 50


def test_boxes_to_ignore_stay_while_any_of_them_is_seen():
    image = np.zeros((100, 100, 3), np.uint8)
    boxes = np.array([[0, 0, 60, 60], [70, 70, 100, 100], [10, 70, 30, 90]], np.float32)
    ignored = np.array([True, False, True])
    settings = BoxAugmentation(flip=False, max_expand=1)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    beyond = lost = 0
    for seed in range(200):
        rngs = [np.random.default_rng(seed) for _ in range(2)]
        # Which crop is right, only what counts decides.
        crop = cropped_window(np.array([0, 0, 100, 100]), boxes[1:2], rngs[0], settings.min_scale)
        _, moved, kept = augment_boxes(image, boxes, 64, "stretch", rngs[1], settings, ignored=ignored)
        scale = 64 / (crop[2:] - crop[:2])
        cut = (np.clip(boxes.reshape(-1, 2, 2), crop[:2], crop[2:]) - crop[:2]) * scale
        seen = (cut[:, 1] - cut[:, 0] >= MIN_SIDE).all(axis=1)
        central = ((centres >= crop[:2]) & (centres < crop[2:])).all(axis=1)
        assert kept.tolist() == np.flatnonzero(seen & (ignored | central)).tolist()
        np.testing.assert_allclose(moved, cut.reshape(-1, 4)[kept], atol=1e-4)
        assert 1 in kept, "a crop holds the centre of a box that counts"
        beyond += (seen & ignored & ~central).sum()
        lost += (~seen).sum()
    assert min(beyond, lost) > 20


def test_pictures_with_nothing_but_boxes_to_ignore_are_cropped_as_empty_ones():
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    boxes = np.array([[0, 0, 5, 5]], np.float32)
    for seed in range(30):
        rngs = [np.random.default_rng(seed) for _ in range(2)]
        plain, _, _ = augment_boxes(image, boxes[:0], 32, "pad", rngs[0], STRONG)
        seen, _, _ = augment_boxes(image, boxes, 32, "pad", rngs[1], STRONG, ignored=np.array([True]))
        np.testing.assert_array_equal(seen, plain)


def test_crops_have_the_overlap_drawn():
    whole = np.array([0, 0, 200, 100])
    boxes = np.array([[50, 20, 110, 80]], np.float32)
    seen = []
    for seed in range(400):
        crop = cropped_window(whole, boxes, np.random.default_rng(seed), 0.3)
        choice = int(np.random.default_rng(seed).integers(len(OVERLAPS) + 1))
        if choice == len(OVERLAPS):
            assert crop.tolist() == whole.tolist()
            continue
        assert (crop[:2] >= 0).all()
        assert (crop[2:] <= [200, 100]).all()
        if crop.tolist() == whole.tolist():
            continue
        common = np.prod(np.minimum(crop[2:], boxes[0, 2:]) - np.maximum(crop[:2], boxes[0, :2]))
        iou = common / (np.prod(crop[2:] - crop[:2]) + 3600 - common)
        assert iou >= OVERLAPS[choice]
        shares = (crop[2:] - crop[:2]) / [200, 100]
        assert (shares >= 0.29).all()
        assert 0.45 < shares[0] / shares[1] < 2.2
        seen.append(OVERLAPS[choice])
    assert set(OVERLAPS[:3]) < set(seen)


def test_zoom_keeps_the_picture_inside():
    zoomed = 0
    for seed in range(100):
        window = expanded_window((50, 80), np.random.default_rng(seed), 3)
        assert (window[:2] <= 0).all()
        assert (window[2:] >= [80, 50]).all()
        sides = window[2:] - window[:2]
        assert (sides <= [240, 150]).all()
        assert abs(sides[0] / sides[1] - 1.6) < 0.05
        zoomed += bool((sides > [80, 50]).any())
    assert 30 < zoomed < 70
    assert expanded_window((50, 80), np.random.default_rng(1), 1.0).tolist() == [0, 0, 80, 50]


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_boxes_follow_the_whole_pixels_that_the_picture_takes(resizing):
    image = np.full((37, 53, 3), 240, np.uint8)
    whole = np.array([[0, 0, 53, 37]], np.float32)
    settings = BoxAugmentation(min_scale=1, max_expand=4, brightness=0, contrast=0, saturation=0, hue=0)
    for seed in range(40):
        seen, (box,), _ = augment_boxes(image, whole, 50, resizing, np.random.default_rng(seed), settings)
        np.testing.assert_array_equal(box, extent(seen, np.array([240, 240, 240])))


def test_what_is_around_is_grey_and_takes_no_colour():
    image = np.full((60, 60, 3), 200, np.uint8)
    boxes = np.array([[10, 10, 50, 50]], np.float32)
    settings = BoxAugmentation(min_scale=1, max_expand=4, brightness=0.5)
    for seed in range(30):
        seen, _, _ = augment_boxes(image, boxes, 64, "pad", np.random.default_rng(seed), settings)
        grey = (seen == GREY).all(axis=2)
        assert seen[~grey].std() < 2, "two values: the picture, evenly recoloured, and grey"
        if grey.any():
            break
    else:
        pytest.fail("never zoomed")


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_none_is_what_evaluation_sees(resizing):
    rng = np.random.default_rng(0)
    image, boxes, _ = painted(rng)
    boxes = np.concatenate([boxes, [[3, 3, 3.2, 3.2]]]).astype(np.float32)
    seen, moved, kept = augment_boxes(image, boxes, 96, resizing, rng, NO_BOX_AUGMENTATION)
    np.testing.assert_array_equal(seen, fit_image(image, 96, resizing))
    np.testing.assert_allclose(moved, fit_boxes(boxes, fit_scale((150, 200), 96, resizing)), rtol=1e-6)
    assert kept.tolist() == list(range(6)), "however small"


def test_same_generator_same_bytes_and_another_another():
    image, boxes, _ = painted(np.random.default_rng(0))
    results = [
        augment_boxes(image, boxes, 80, "pad", np.random.default_rng(seed), BoxAugmentation()) for seed in (1, 1, 2)
    ]
    for one, other in zip(*results[:2]):
        np.testing.assert_array_equal(one, other)
    assert results[0][0].tobytes() != results[2][0].tobytes()


def test_each_flip_alone():
    image, boxes, _ = painted(np.random.default_rng(3))
    plain = {"min_scale": 1.0, "max_expand": 1.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
    whole = fit_image(image, 200, "stretch")
    for settings, axis in (
        (BoxAugmentation(**plain), 1),
        (BoxAugmentation(flip=False, vertical_flip=True, **plain), 0),
    ):
        found = set()
        for seed in range(12):
            seen, moved, _ = augment_boxes(image, boxes, 200, "stretch", np.random.default_rng(seed), settings)
            flipped = not np.array_equal(seen, whole)
            found.add(flipped)
            if flipped:
                np.testing.assert_array_equal(seen, np.flip(whole, axis))
                assert (moved[:, :2] < moved[:, 2:]).all()
        assert found == {True, False}


def test_pictures_without_boxes_and_extreme_ones():
    none = np.zeros((0, 4), np.float32)
    for seed in range(40):
        for size in ((40, 60), (2, 300), (1, 1)):
            rng = np.random.default_rng(seed)
            seen, moved, kept = augment_boxes(np.full((*size, 3), 250, np.uint8), none, 32, "pad", rng, STRONG)
            assert (seen == 250).any(), "something of the picture is seen"
            assert (moved.shape, kept.shape) == ((0, 4), (0,))


def test_settings_keep_their_names_and_order():
    colours = ["brightness", "contrast", "saturation", "hue"]
    assert [field.name for field in fields(Augmentation)] == ["flip", "min_scale", *colours]
    names = [field.name for field in fields(BoxAugmentation)]
    mixing = ["rotation", "mosaic", "mix_up", "mix_up_alpha"]
    assert names == ["flip", "vertical_flip", "min_scale", "max_expand", *colours, *mixing]
    assert BoxAugmentation(False, True, 0.5, 3.0, 0.1) == BoxAugmentation(
        flip=False, vertical_flip=True, min_scale=0.5, max_expand=3.0, brightness=0.1
    )


def test_settings_are_checked():
    with pytest.raises(UsageError, match=r"--augmentation\.max-expand must be from 1"):
        BoxAugmentation(max_expand=0.5)
    with pytest.raises(UsageError, match="min-scale"):
        BoxAugmentation(min_scale=0)
    with pytest.raises(UsageError, match=r"hue must be from 0 to 0\.5, got 0\.6"):
        BoxAugmentation(hue=0.6)
