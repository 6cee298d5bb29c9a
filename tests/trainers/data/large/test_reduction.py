"""Which pictures are large, and what networks see of them."""

import numpy as np
import pytest

from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.data.large.reduction import LARGE, by_bands, reduced, reduction


def test_usual_pictures_are_never_large():
    # 12, 24, 48 and 61 megapixels: telephones, and the largest usual cameras.
    for size in ((3024, 4032), (4000, 6000), (6048, 8064), (6336, 9504), (8000, 8000), (1, LARGE)):
        assert reduction(size) == 1
    assert reduction((8001, 8000)) == 4


@pytest.mark.parametrize(
    ("size", "factor"),
    [((12000, 12000), 4), ((9000, 8000), 4), ((20000, 20000), 8), ((12000, 16320), 4), ((40000, 40000), 16),
     ((3000, 60000), 2), ((700, 100000), 1)],
)  # fmt: skip
def test_large_ones_are_divided_by_powers_of_two_as_long_as_their_shorter_side_stays_long(size, factor):
    assert reduction(size) == factor
    left = size[0] // factor, size[1] // factor
    assert left[0] * left[1] <= 16_000_000 or min(left) < 2 * 1024
    # What is smaller already stays as it is.
    assert reduction(left) == 1


def squares_averaged(image, factor):
    """The mean of each square pixel by pixel, of fewer pixels at the lower and right edge."""
    height, width = image.shape[:2]
    rows, columns = -(-height // factor), -(-width // factor)
    found = np.empty((rows, columns, image.shape[2]))
    for row in range(rows):
        for column in range(columns):
            square = image[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            found[row, column] = square.reshape(-1, image.shape[2]).mean(axis=0)
    return found


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_smaller_version_is_the_mean_of_squares_in_bands_as_in_one(low_limits, factor):
    image = np.random.default_rng(0).integers(0, 256, (93, 71, 3), np.uint8)
    found = reduced(image, factor)
    np.testing.assert_array_equal(found, np.floor(squares_averaged(image, factor) + 0.5))
    assert reduced(image, 1) is image


def test_bands_cover_every_row_once(low_limits):
    asked = []

    def rows(top, bottom):
        asked.append((top, bottom))
        return np.full((bottom - top, 50, 3), top, np.uint8)

    found = by_bands((100, 50), rows)
    assert found.shape == (100, 50, 3)
    assert [top for top, _ in asked] == [0, *(bottom for _, bottom in asked[:-1])]
    assert asked[-1][1] == 100
    assert len(asked) > 5


def test_a_network_sees_a_large_picture_through_its_smaller_version_and_a_usual_one_as_it_is(low_limits):
    image = np.random.default_rng(1).integers(0, 256, (90, 70, 3), np.uint8)
    small = reduced(image, reduction((90, 70)))
    assert small.shape == (23, 18, 3)
    for resizing in ("pad", "stretch"):
        direct = fit_image(image, 16, resizing)
        np.testing.assert_array_equal(direct, fit_image(small, 16, resizing, (90, 70)))
        assert (fit_image(image[:40], 16, resizing) != fit_image(reduced(image[:40], 4), 16, resizing, (40, 70))).any()
