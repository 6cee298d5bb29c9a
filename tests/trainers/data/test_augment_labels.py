"""Patches with class maps: picture and labels stay together, padding is ignored, a wanted class is never lost."""

import numpy as np
import pytest

from metricfit.trainers.data.augmentation.labels import augment_labels
from metricfit.trainers.data.augmentation.settings import NO_LABEL_AUGMENTATION, LabelAugmentation
from metricfit.trainers.data.fit import GREY, fit_image, fit_labels, unfit_scores
from metricfit.trainers.errors import UsageError

COLOURS = np.array([[20, 40, 60], [200, 90, 10], [70, 210, 130]], np.uint8)
STILL = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}


def blocks(height=60, width=90, seed=0):
    """A class map of 15-pixel squares, and a picture whose colours name the class."""
    coarse = np.random.default_rng(seed).integers(0, 3, (height // 15, width // 15)).astype(np.uint8)
    labels = np.kron(coarse, np.ones((15, 15), np.uint8))
    return COLOURS[labels], labels


def named(image):
    """The class of each pixel by its colour, 255 for padding, 254 for a mixture at an edge."""
    found = np.full(image.shape[:2], 254, np.uint8)
    for index, colour in enumerate(COLOURS):
        found[(np.abs(image.astype(int) - colour) <= 2).all(axis=-1)] = index
    found[(image == GREY).all(axis=-1)] = 255
    return found


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
@pytest.mark.parametrize("size", [(48, 48), (32, 80)])
def test_picture_and_labels_stay_together(resizing, size):
    image, labels = blocks()
    settings, padded, sizes = LabelAugmentation(**STILL), 0, set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        patch, target = augment_labels(image, labels, size, resizing, rng, settings)
        assert patch.shape == (*size, 3)
        assert target.shape == size
        assert patch.dtype == target.dtype == np.uint8
        found = named(patch)
        sure = found != 254
        assert sure.mean() > 0.5
        np.testing.assert_array_equal(found[sure], target[sure])
        padded += (target == 255).any()
        sizes.add(round(float((target != 255).mean()), 2))
    assert 10 < padded < 60
    assert len(sizes) > 5
    assert set(np.unique(target)) <= {0, 1, 2, 255}


def test_scales_lie_in_their_range_and_reach_both_sides():
    labels = np.zeros((64, 64), np.uint8)
    image = np.zeros((64, 64, 3), np.uint8)
    settings = LabelAugmentation(min_scale=0.5, max_scale=1.0, flip=False, **STILL)
    sides = []
    for seed in range(200):
        _, target = augment_labels(image, labels, 32, "pad", np.random.default_rng(seed), settings)
        sides.append(np.sqrt((target == 0).sum()))
    assert min(sides) >= 16
    assert max(sides) <= 32
    assert min(sides) < 18
    assert max(sides) > 30


def test_unscaled_and_filled_it_is_what_evaluation_sees():
    image, labels = blocks(60, 60)
    patch, target = augment_labels(image, labels, 32, "pad", np.random.default_rng(0), NO_LABEL_AUGMENTATION)
    np.testing.assert_array_equal(patch, fit_image(image, 32))
    np.testing.assert_array_equal(target, fit_labels(labels, 32))


def test_mirrored_in_half_of_the_cases():
    image, labels = blocks(45, 45, seed=3)
    settings = LabelAugmentation(min_scale=1.0, max_scale=1.0, **STILL)
    plain = fit_labels(labels, 45)
    mirrored = 0
    for seed in range(100):
        _, target = augment_labels(image, labels, 45, "pad", np.random.default_rng(seed), settings)
        mirrored += bool((target == plain[:, ::-1]).all())
        assert (target == plain).all() or (target == plain[:, ::-1]).all()
    assert 30 < mirrored < 70


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_a_wanted_class_is_in_every_patch(resizing):
    """One pixel of it in a large picture: most crops miss it, and most scales below 1 would drop it."""
    settings, places = LabelAugmentation(max_scale=4.0), set()
    for seed in range(120):
        rng = np.random.default_rng(seed)
        labels = np.zeros((150, 200), np.uint8)
        labels[rng.integers(150), rng.integers(200)] = 1
        image = np.zeros((150, 200, 3), np.uint8)
        _, target = augment_labels(image, labels, 32, resizing, rng, settings, wanted=1)
        assert (target == 1).any()
        places.add(tuple(np.argwhere(target == 1)[0]))
    assert len(places) > 60, "anywhere in the patch, not in its middle"
    with pytest.raises(ValueError, match="no pixel of class 2"):
        augment_labels(image, labels, 32, resizing, rng, settings, wanted=2)


def test_fitting_there_and_back():
    labels = np.random.default_rng(0).integers(0, 3, (40, 60)).astype(np.uint8)
    fitted = fit_labels(labels, 60)
    np.testing.assert_array_equal(fitted[:40], labels)
    assert (fitted[40:] == 255).all()
    scores = np.eye(3, dtype=np.float32)[np.minimum(fitted, 2)]
    np.testing.assert_array_equal(unfit_scores(scores, (40, 60)).argmax(-1), labels)
    assert unfit_scores(scores, (80, 120)).shape == (80, 120, 3)
    assert unfit_scores(scores[..., :1], (80, 120)).shape == (80, 120, 1)
    assert unfit_scores(scores, (31, 17), "stretch").shape == (31, 17, 3)
    smooth = np.broadcast_to(np.linspace(0, 1, 60, dtype=np.float32)[None, :, None], (60, 60, 1))
    np.testing.assert_allclose(
        unfit_scores(smooth, (80, 120))[0, 1:-1, 0], ((np.arange(1, 119) + 0.5) / 2 - 0.5) / 59, atol=1e-6
    )


def test_settings_out_of_range():
    with pytest.raises(UsageError, match=r"min-scale must be at most max-scale, got 2\.0 and 1\.0"):
        LabelAugmentation(min_scale=2.0, max_scale=1.0)
    with pytest.raises(UsageError, match=r"min-scale must be from 0\.05 to 20, got 0\.0"):
        LabelAugmentation(min_scale=0.0)
    with pytest.raises(UsageError, match="hue must be from"):
        LabelAugmentation(hue=0.9)
