"""What is said of an input whose shape is not that of the pictures."""

import pytest

from metricfit.trainers.tasks.input_shape import shape_note, told

from ...conftest import Discs

FILM, PHOTO, PHONE = (1080, 1920), (480, 640), (1920, 1080)


@pytest.mark.parametrize(
    ("size", "resizing", "sizes", "sentence"),
    [
        (320, "pad", [PHOTO], ""),
        (320, "pad", [FILM], "--size 320, of which most pictures fill 56%: --size 192x320 shows as much in less time"),
        (320, "pad", [FILM, FILM, PHOTO, PHOTO, PHOTO], ""),
        ((256, 448), "stretch", [FILM], "--size 256x448: the input is 256 high and 448 wide"),
        ((480, 640), "pad", [PHOTO, PHONE, PHOTO], "--size 480x640: the input is 480 high and 640 wide"),
        (
            (640, 480),
            "pad",
            [PHOTO],
            "--size 640x480 is 640 high and 480 wide, and most pictures are wider than high (1.33 times as wide as "
            "high): --size 480x640 suits them",
        ),
        (
            (256, 448),
            "stretch",
            [PHONE],
            "--size 256x448 is 256 high and 448 wide, and most pictures are higher than wide (0.56 times as wide as "
            "high): --size 448x256 suits them",
        ),
        (
            (96, 320),
            "pad",
            [PHOTO],
            "--size 96x320: the input is 96 high and 320 wide, of which most pictures fill 40%: --size 96x128 shows as "
            "much in less time",
        ),
        (32, "pad", [(10, 100)], ""),
        ((64, 96), "stretch", [(200, 199), (200, 200)], "--size 64x96: the input is 64 high and 96 wide"),
    ],
)
def test_what_is_said(size, resizing, sizes, sentence):
    assert told(size, resizing, sizes) == sentence


def test_pictures_are_looked_at_where_their_shape_matters():
    pictures = Discs("train", "mask")  # 40 high, 48 wide
    assert shape_note(64, "stretch", pictures) == ""
    assert shape_note((96, 64), "stretch", pictures).endswith("--size 64x96 suits them")
