"""Sizes of a network's input as they are written, and what no size is."""

import pytest

from metricfit.trainers.errors import UsageError
from metricfit.trainers.geometry import check_size, height_width, input_size, size_text


@pytest.mark.parametrize(
    ("given", "read", "text"),
    [
        (192, 192, "192"),
        ("192", 192, "192"),
        ("256x448", (256, 448), "256x448"),
        (" 256 X 448 ", (256, 448), "256x448"),
        ("256×448", (256, 448), "256x448"),
        ((256, 448), (256, 448), "256x448"),
        ([256, 448], (256, 448), "256x448"),
        ((64, 64), 64, "64"),
        ("64x64", 64, "64"),
    ],
)
def test_a_size_is_read_as_it_is_written(given, read, text):
    assert input_size(given) == read
    assert size_text(read) == text
    assert input_size(size_text(read)) == read
    assert height_width(read) == (read if isinstance(read, tuple) else (read, read))


@pytest.mark.parametrize(
    "given", [None, True, 1.5, "", "x", "64x", "64x64x3", "-64", "64 96", (64, 64, 3), (), ["64", 96]]
)
def test_what_is_no_size(given):
    with pytest.raises(ValueError, match="a size is a side such as 192, or height x width such as 256x448, got"):
        input_size(given)


def test_sides_are_multiples():
    check_size((64, 96))
    with pytest.raises(UsageError, match="the size must be a multiple of 32, got 250x448: try 256x448"):
        check_size((250, 448))
    with pytest.raises(UsageError, match="the size must be a multiple of 32, got 100: try 96"):
        check_size(100)
    with pytest.raises(UsageError, match="a multiple of 8, got 0x16: try 8x16"):
        check_size((0, 16), 8)
