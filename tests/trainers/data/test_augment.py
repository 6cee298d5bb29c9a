"""Augmentation: image and mask move together, values stay, strengths mean what they say."""

import cv2
import numpy as np
import pytest

from metricfit.trainers.data.augmentation.colours import colour_matrix
from metricfit.trainers.data.augmentation.masks import augment, crop_window
from metricfit.trainers.data.augmentation.settings import NO_AUGMENTATION, Augmentation
from metricfit.trainers.data.images import resize_image, resize_mask
from metricfit.trainers.errors import UsageError

GEOMETRY = Augmentation(brightness=0, contrast=0, saturation=0, hue=0)


def encoded():
    """A picture whose red and green are its x and y, and a mask that follows from them."""
    y, x = np.mgrid[0:200, 0:240].astype(np.uint8)
    return np.stack([x, y, np.zeros_like(x)], -1), rule(x, y)


def rule(x, y):
    checks = (x // 50 + y // 40) % 2
    return np.where(x > 200, 255, checks).astype(np.uint8)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("min_scale", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("size", [48, 128, 300])
def test_image_and_mask_stay_aligned(flip, min_scale, size):
    image, mask = encoded()
    settings = Augmentation(flip=flip, min_scale=min_scale, brightness=0, contrast=0, saturation=0, hue=0)
    mirrored = 0
    for trial in range(25):
        out, target = augment(image, mask, size, np.random.default_rng(trial), settings)
        assert out.shape == (size, size, 3)
        assert target.shape == (size, size)
        x, y = out[..., 0].astype(int), out[..., 1].astype(int)
        # Within half an output pixel and one of rounding of a border, either value is right.
        margin = int(np.ceil(240 / size / 2)) + 1
        offsets = [(dx, dy) for dx in (-margin, margin) for dy in (-margin, margin)]
        around = np.stack([rule(np.clip(x + dx, 0, 239), np.clip(y + dy, 0, 199)) for dx, dy in offsets])
        certain = (around == around[0]).all(0)
        assert certain.mean() > 0.4
        np.testing.assert_array_equal(target[certain], around[0][certain])
        falling = x[:, 0].mean() > x[:, -1].mean()
        mirrored += falling
        if min_scale == 1:
            assert x.max() - x.min() >= 239 - 240 / size
    assert mirrored == 0 if not flip else 3 <= mirrored <= 22


def test_values_of_the_mask_stay():
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([0, 1, 255], np.uint8), (61, 83))
    image = rng.integers(0, 256, (61, 83, 3)).astype(np.uint8)
    for trial in range(30):
        out, target = augment(image, mask, 64, np.random.default_rng(trial), Augmentation())
        assert set(np.unique(target)) <= {0, 1, 255}
        assert (out.dtype, target.dtype) == (np.uint8, np.uint8)


def test_pure_in_its_generator_and_without_touching_its_input():
    image, mask = encoded()
    before = image.copy(), mask.copy()
    image.setflags(write=False)
    mask.setflags(write=False)
    first, again = (augment(image, mask, 96, np.random.default_rng(5), Augmentation()) for _ in range(2))
    other = augment(image, mask, 96, np.random.default_rng(6), Augmentation())
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_colour_leaves_the_geometry_alone():
    image, mask = encoded()
    for trial in range(10):
        plain, target = augment(image, mask, 96, np.random.default_rng(trial), GEOMETRY)
        coloured, same = augment(image, mask, 96, np.random.default_rng(trial), Augmentation(hue=0.1))
        np.testing.assert_array_equal(target, same)
        assert (plain != coloured).any()


def test_without_augmentation_it_is_the_resize_of_evaluation():
    image, mask = encoded()
    out, target = augment(image, mask, 64, np.random.default_rng(0), NO_AUGMENTATION)
    np.testing.assert_array_equal(out, resize_image(image, (64, 64)))
    np.testing.assert_array_equal(target, resize_mask(mask, (64, 64)))


def test_crops_have_the_stated_area_and_aspect():
    mask = np.ones((150, 200), np.uint8)
    rng = np.random.default_rng(3)
    shares, aspects, places = [], [], set()
    for _ in range(400):
        rows, columns = crop_window(mask, rng, 0.3)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        assert 0 <= rows.start < rows.stop <= 150
        assert 0 <= columns.start < columns.stop <= 200
        shares.append(height * width / mask.size)
        aspects.append((width / 200) / (height / 150))
        places.add((rows.start, columns.start))
    assert min(shares) > 0.29
    assert abs(np.mean(shares) - 0.65) < 0.05
    assert max(aspects) < 4 / 3 * 1.02
    assert min(aspects) > 3 / 4 / 1.02
    assert len(places) > 200


def test_crops_keep_something_salient():
    mask = np.zeros((100, 100), np.uint8)
    mask[0:3, 97:100] = 1
    mask[50:60] = 255
    kept = 0
    for trial in range(200):
        window = crop_window(mask, np.random.default_rng(trial), 0.2)
        assert (mask[window] == 1).any()
        kept += mask[window].shape != mask.shape
    assert kept > 50  # it is found by cropping again, not only by giving up
    empty = np.where(mask == 255, 255, 0).astype(np.uint8)
    assert any(empty[crop_window(empty, np.random.default_rng(trial), 0.2)].shape != empty.shape for trial in range(5))


def test_colour_matrix_keeps_greys_and_lightness_where_it_should():
    rng = np.random.default_rng(1)
    luma = np.array([0.299, 0.587, 0.114])
    for _ in range(50):
        matrix = colour_matrix(rng, Augmentation(brightness=0, contrast=0, saturation=0.8, hue=0.4))
        np.testing.assert_allclose(matrix @ [90, 90, 90, 1], 90, atol=0.1)
        colour = rng.uniform(0, 255, 3)
        assert abs(luma @ (matrix @ [*colour, 1]) - luma @ colour) < 0.1
        exposure = colour_matrix(rng, Augmentation(brightness=0.3, contrast=0, saturation=0, hue=0))
        factor = exposure[0, 0]
        assert 0.7 <= factor <= 1.3
        np.testing.assert_allclose(exposure @ [*colour, 1], factor * colour, atol=1e-6)
        contrast = colour_matrix(rng, Augmentation(brightness=0, contrast=0.4, saturation=0, hue=0))
        np.testing.assert_allclose(contrast @ [127.5, 127.5, 127.5, 1], 127.5, atol=1e-6)
        assert 0.6 <= contrast[1, 1] <= 1.4
    np.testing.assert_allclose(colour_matrix(rng, NO_AUGMENTATION), np.eye(3, 4), atol=1e-9)


def test_hue_turns_the_colour_circle():
    red = np.uint8([[[180, 90, 90]]])
    turns = []
    for trial in range(60):
        settings = Augmentation(brightness=0, contrast=0, saturation=0, hue=0.1)
        matrix = colour_matrix(np.random.default_rng(trial), settings)
        hue = cv2.cvtColor(cv2.transform(red, matrix), cv2.COLOR_RGB2HSV)[0, 0, 0] * 2.0
        turns.append((hue + 180) % 360 - 180)
    # A tenth of the circle is 36 degrees; the luma-chroma plane and the HSV circle differ by some degrees.
    assert 20 < max(turns) < 50
    assert -50 < min(turns) < -20


@pytest.mark.parametrize("wrong", [{"min_scale": 0}, {"min_scale": 1.5}, {"hue": 0.6}, {"brightness": -0.1}])
def test_strengths_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong)).replace("_", "-")):
        Augmentation(**wrong)
