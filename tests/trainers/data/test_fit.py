"""How pictures and boxes become a detector's input and come back, and how written boxes are mended."""

import numpy as np
import pytest

from metricfit.trainers.data.fit import GREY, fit_boxes, fit_image, fit_scale, fitted_size, unfit_boxes
from metricfit.trainers.data.sources.annotations import (
    INVERTED,
    NO_EXTENT,
    NO_SIZE,
    OUTSIDE,
    OVER_EDGE,
    WRONG_SIZE,
    WRONG_SIZE_BOXLESS,
    check_stated_size,
    mend_boxes,
)
from metricfit.trainers.errors import DataError, UsageError
from metricfit.trainers.geometry import box_areas, box_iou, height_width


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((480, 640), 384, (288, 384)),
        ((640, 480), 384, (384, 288)),
        ((384, 384), 384, (384, 384)),
        ((100, 200), 384, (192, 384)),
        ((3, 1000), 64, (1, 64)),
        ((375, 500), 130, (98, 130)),  # 97.5: halves go up
        ((1080, 1920), (256, 448), (252, 448)),
        ((480, 640), (256, 448), (256, 341)),
        ((640, 480), (256, 448), (256, 192)),
        ((100, 175), (256, 448), (256, 448)),
        ((1, 1000), (64, 96), (1, 96)),
    ],
)
def test_a_picture_fills_the_input_up_to_one_of_its_sides(size, side, expected):
    assert fitted_size(size, side) == expected
    assert fitted_size(size, side, "stretch") == height_width(side)
    sx, sy = fit_scale(size, side)
    assert (size[0] * sy, size[1] * sx) == pytest.approx(expected)


def corners_of(image, value):
    """The box of the pixels of a value, in the one channel that differs from grey."""
    rows, columns = np.nonzero((image == value).all(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
@pytest.mark.parametrize(
    ("size", "inside"), [((40, 60), 120), ((90, 60), 120), ((40, 60), (120, 90)), ((90, 60), (90, 128))]
)
def test_boxes_go_where_their_pixels_go_and_back(resizing, size, inside):
    image = np.full((*size, 3), 20, np.uint8)
    box = np.array([[10, 15, 40, 35]], np.float32)
    image[15:35, 10:40] = 250
    scale = fit_scale(size, inside, resizing)
    fitted = fit_image(image, inside, resizing)
    assert fitted.shape == (*height_width(inside), 3)
    height, width = fitted_size(size, inside, resizing)
    assert (fitted[height:] == GREY).all()
    assert (fitted[:, width:] == GREY).all()
    assert not (fitted[:height, :width] == GREY).all(axis=2).any()
    moved = fit_boxes(box, scale)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved[0], corners_of(fitted, 250), atol=2.0)
    np.testing.assert_allclose(unfit_boxes(moved, scale, size), box, atol=1e-4)


def test_a_picture_of_the_right_size_is_left_alone():
    image = np.zeros((32, 32, 3), np.uint8)
    assert fit_image(image, 32) is image
    wide = np.zeros((32, 64, 3), np.uint8)
    assert fit_image(wide, (32, 64)) is wide


def test_found_boxes_are_cut_at_the_picture():
    scale = fit_scale((30, 60), 120)
    found = np.array([[-4, -4, 130, 70], [10, 70, 40, 110]], np.float32)
    back = unfit_boxes(found, scale, (30, 60))
    assert back.tolist() == [[0, 0, 60, 30], [5, 30, 20, 30]]
    assert box_areas(back).tolist() == [1800, 0]
    assert unfit_boxes(np.zeros((0, 4)), scale, (30, 60)).shape == (0, 4)


def test_arguments_are_checked():
    with pytest.raises(UsageError, match="pad or stretch, got 'crop'"):
        fit_scale((10, 10), 32, "crop")
    with pytest.raises(UsageError, match="at least 1 pixel"):
        fitted_size((0, 10), 32)


def test_areas_and_overlaps_of_boxes():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [3, 4, 3, 9], [8, 8, 2, 2]], np.float32)
    areas = box_areas(boxes)
    assert (areas.dtype, areas.tolist()) == (np.float32, [100, 100, 0, 0])
    assert box_areas(boxes.reshape(2, 2, 4)).tolist() == [[100, 100], [0, 0]]
    iou = box_iou(boxes, boxes[:3].astype(np.int64))
    assert (iou.dtype, iou.shape) == (np.float64, (4, 3))
    np.testing.assert_allclose(iou, [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 0], [0, 0, 0]])
    # A crowd is met by the share of the other box that lies inside of it.
    assert box_iou([[5, 0, 6, 10]], boxes[:2], np.array([True, False])).tolist() == [[1.0, 0.1]]
    assert box_iou(np.zeros((0, 4)), boxes).shape == (0, 4)


@pytest.mark.parametrize(
    ("written", "first_pixel", "expected", "repairs"),
    [
        ([10, 20, 30, 40], 0, [10, 20, 30, 40], ()),
        ([10, 20, 30, 40], 1, [9, 19, 30, 40], ()),
        ([1, 1, 100, 50], 1, [0, 0, 100, 50], ()),
        ([30, 20, 10, 40], 0, [10, 20, 30, 40], (INVERTED,)),
        ([30, 40, 10, 20], 1, [9, 19, 30, 40], (INVERTED,)),
        ([-5, 20, 30, 60], 0, [0, 20, 30, 50], (OVER_EDGE,)),
        ([0, 20, 30, 40], 1, [0, 19, 30, 40], (OVER_EDGE,)),
        ([130, 20, 90, 40], 0, [90, 20, 100, 40], (INVERTED, OVER_EDGE)),
        ([10, 20, 100.01, 50.01], 0, [10, 20, 100, 50], ()),  # rounding
        ([50, 20, 50, 20], 1, None, (NO_EXTENT,)),
        ([50, 20, 50, 40], 0, None, (NO_EXTENT,)),
        ([100, 20, 120, 40], 0, None, (OUTSIDE,)),
        ([-9, 20, 0, 40], 0, None, (OUTSIDE,)),
    ],
)
def test_written_boxes_are_mended_and_that_is_said(written, first_pixel, expected, repairs):
    boxes, kept, said = mend_boxes(np.array([written], np.float64), (50, 100), first_pixel=first_pixel)
    assert boxes.dtype == np.float32
    assert boxes.tolist() == ([expected] if expected else [])
    assert kept.tolist() == ([0] if expected else [])
    assert said == repairs


def test_each_repair_is_counted_and_the_rest_keeps_its_place():
    written = np.array([[5, 5, 5, 5], [1, 2, 3, 4], [3, 4, 1, 2], [7, 7, 7, 9]], np.float64)
    boxes, kept, repairs = mend_boxes(written, (50, 100))
    assert (boxes.tolist(), kept.tolist()) == ([[1, 2, 3, 4]] * 2, [1, 2])
    assert sorted(repairs) == sorted([INVERTED, NO_EXTENT, NO_EXTENT])


def test_a_wrong_picture_size_is_refused_unless_boxes_show_it_to_be_wrong():
    inside, beyond = np.array([[10, 10, 40, 40.0]]), np.array([[10, 10, 95, 40.0]])
    assert check_stated_size((50, 100), (50, 100), beyond, "a.xml", "a.jpg") == ()
    assert check_stated_size(None, (50, 100), inside, "a.xml", "a.jpg") == (NO_SIZE,)
    assert check_stated_size((0, 0), (50, 100), inside, "a.xml", "a.jpg") == (NO_SIZE,)
    assert check_stated_size((50, 60), (50, 100), beyond, "a.xml", "a.jpg") == (WRONG_SIZE,)
    # Without boxes nothing can lie in a wrong place.
    assert check_stated_size((50, 60), (50, 100), np.zeros((0, 4)), "a.xml", "a.jpg") == (WRONG_SIZE_BOXLESS,)
    with pytest.raises(DataError, match=r"a\.xml is for a picture of 60x50, a\.jpg is 100x50: bring"):
        check_stated_size((50, 60), (50, 100), inside, "a.xml", "a.jpg")
    with pytest.raises(DataError, match="EXIF rotation"):
        check_stated_size((100, 50), (50, 100), inside, "a.xml", "a.jpg")
    with pytest.raises(DataError, match="is for a picture of 200x100"):
        check_stated_size((100, 200), (50, 100), np.array([[10, 10, 180, 40.0]]), "a.xml", "a.jpg")
    for size in ((-50, 100), (50, -100), (0, -1)):
        with pytest.raises(DataError, match=rf"a\.xml states a picture of {size[1]}x{size[0]}, which no picture has"):
            check_stated_size(size, (50, 100), inside, "a.xml", "a.jpg")
