"""Resizing inside of a SavedModel against the trainers' own, which is OpenCV's: equal to the last bit."""

import itertools
import random

import numpy as np
import pytest
import tensorflow as tf

from metricfit.export.serving.resizing import Frame, fitting, frame_of, unfit_boxes, unfit_maps
from metricfit.trainers.data.fit import fit_image, fit_scale, fitted_size
from metricfit.trainers.data.fit import unfit_boxes as boxes_of_opencv
from metricfit.trainers.data.images import resize_map

from ...soak import served_pictures

SIDE = 48
SIZES = {
    "shrunk": [(97, 131), (200, 49), (49, 200), (333, 64)],
    "grown": [(31, 17), (47, 46), (5, 7), (2, 2)],
    "one side each": [(200, 20), (20, 200), (48, 100), (100, 48)],
    "a line": [(1, 200), (200, 1), (1, 1), (1, 48), (30, 1)],
    "by two": [(96, 96), (96, 48), (48, 96), (96, 192)],
    "by whole numbers": [(144, 144), (240, 96), (144, 480), (480, 480)],
    "by four thirds": [(64, 64), (64, 128), (128, 64), (72, 60)],
    "by halves": [(120, 120), (120, 72), (72, 120)],
    "not at all": [(48, 48)],
}


@pytest.fixture(scope="module", params=["pad", "stretch"])
def fit(request):
    return request.param, lambda images: fitting(SIDE, request.param)(tf.constant(images)).numpy()


def pictures(size, seed=0):
    """Noise, and noise of black and white alone, whose sums often lie between two grey levels."""
    noise = np.random.default_rng([*size, seed]).integers(0, 256, (2, *size, 3)).astype(np.uint8)
    noise[1] = noise[1] // 128 * 255
    return noise


@pytest.mark.parametrize("kind", SIZES)
def test_pictures_are_opencv_s_bit_by_bit(kind, fit):
    resizing, fitted = fit
    for size in SIZES[kind]:
        images = pictures(size)
        expected = np.stack([fit_image(image, SIDE, resizing) for image in images])
        np.testing.assert_array_equal(fitted(images), expected, err_msg=f"{size}")


def test_pictures_of_random_sizes_are_opencv_s_bit_by_bit():
    for number in range(60):
        what, wrong = served_pictures.resized(random.Random(number), (SIDE, (48, 80), (80, 48))[number % 3])
        assert not wrong, what


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_a_picture_has_the_same_size_within_the_input(resizing):
    insides = (48, 4096, (96, 160), (448, 32))
    for height, width, inside in itertools.product((1, 2, 33, 48, 49, 501, 65500), (1, 48, 95, 97, 30000), insides):
        frame = frame_of(tf.constant(height), tf.constant(width), inside, resizing)
        assert tuple(int(one) for one in frame[2:]) == fitted_size((height, width), inside, resizing)


def test_maps_come_back_as_opencv_brings_them():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        (height, width), (inner_height, inner_width) = rng.integers(1, 150, 2), rng.integers(1, SIDE + 1, 2)
        maps = rng.random((2, SIDE, SIDE)).astype(np.float32)
        frame = Frame(*(tf.constant(int(one)) for one in (height, width, inner_height, inner_width)))
        found = unfit_maps(tf.constant(maps), frame).numpy()
        for one, back in zip(maps, found):
            expected = resize_map(one[:inner_height, :inner_width], (height, width))
            np.testing.assert_allclose(back, expected, atol=1e-5)


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_boxes_come_back_cut_at_the_picture_s_edges(resizing):
    boxes = np.random.default_rng(0).uniform(-5, SIDE + 5, (50, 4)).astype(np.float32)
    for size in ((97, 131), (31, 17), (1, 200)):
        for inside in (SIDE, (32, 64)):
            frame = frame_of(*(tf.constant(side) for side in size), inside, resizing)
            expected = boxes_of_opencv(boxes, fit_scale(size, inside, resizing), size)
            np.testing.assert_array_equal(unfit_boxes(tf.constant(boxes), frame).numpy(), expected)
